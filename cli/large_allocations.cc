// operator new of the program: large blocks ask for huge pages, small ones have a reserve.
//
// Why: a codec touches each of its maps once. With pages of 4 KiB the kernel is called 256 times
// per megabyte, which took half of a decode on a virtual machine; with MADV_HUGEPAGE it is called
// once per 2 MiB. Only the program does so: a library has no say in how its users allocate.
//
// The reserve: where one of many files finds no memory, its error message is made, and what it
// holds is given back, which takes a little memory (JSON's destructor allocates, and may not fail).
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>

// The sanitizers have their own operator new, which must not be replaced.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

void* Allocate(std::size_t size) noexcept {
  if (size < kHugePage) return std::malloc(size == 0 ? 1 : size);
  // A kernel without huge pages refuses the advice, and all is as before.
  const std::size_t rounded = size / kHugePage * kHugePage;
  void* block = nullptr;
  if (posix_memalign(&block, kHugePage, size) != 0) return nullptr;
  madvise(block, rounded, MADV_HUGEPAGE);
  return block;
}

// Blocks that are given back one by one when small allocations fail. They are never touched, so
// that they take address space and hardly any memory.
constexpr std::size_t kSmall = std::size_t{16} << 10;
constexpr std::size_t kReserveBlock = std::size_t{64} << 10;
std::array<std::atomic<void*>, 64> g_reserve;

[[maybe_unused]] const bool g_reserved = [] {
  for (std::atomic<void*>& block : g_reserve) block = std::malloc(kReserveBlock);
  return true;
}();

bool ReleaseReserve() noexcept {
  for (std::atomic<void*>& block : g_reserve) {
    if (void* taken = block.exchange(nullptr)) {
      std::free(taken);
      return true;
    }
  }
  return false;
}

// For other threads, which fail on large blocks and give back what they hold; a second in all.
bool Wait(int* waits) noexcept {
  if (++*waits > 100) return false;
  ::usleep(10'000);
  return true;
}

}  // namespace

// Not inlined: GCC would compare the malloc in one with the free in another and warn.
__attribute__((noinline)) void* operator new(std::size_t size) {
  int waits = 0;
  for (;;) {
    if (void* block = Allocate(size)) return block;
    if (size <= kSmall && (ReleaseReserve() || Wait(&waits))) continue;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

// Array, sized and nothrow forms end up here, in the library's own versions.
__attribute__((noinline)) void operator delete(void* block) noexcept { std::free(block); }
__attribute__((noinline)) void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

#endif
