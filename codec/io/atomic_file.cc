#include "codec/io/atomic_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>

#include "bitstream/container.h"

namespace halfmoon {
namespace {

// The file may be somebody's only original. To replace it is proposed only where it is a .hmn file.
Status Exists(const std::string& path) {
  std::array<std::uint8_t, kMagic.size()> start{};
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const bool ours =
      file.valid() &&
      ::read(file.get(), start.data(), start.size()) == static_cast<ssize_t>(start.size()) &&
      start == kMagic;
  return {StatusCode::kFileExists,
          path + ": the file exists; " +
              (ours ? "use --force to replace it" : "give another name, or move it away")};
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Calls make(name), which returns 0 or an errno, with names in `folder` until one is not taken.
// They do not contain the target's, which may already have the greatest length.
template <typename Make>
int WithTemporaryName(const std::string& folder, std::string* name, Make make) {
  static std::atomic<std::uint64_t> counter{std::random_device{}()};
  constexpr int kAttempts = 100;
  int error = EEXIST;
  for (int i = 0; i < kAttempts && error == EEXIST; ++i) {
    const std::uint64_t number = (static_cast<std::uint64_t>(::getpid()) << 32) ^ ++counter;
    *name = folder + "/.halfmoon-" + std::to_string(number) + ".tmp";
    error = make(*name);
  }
  if (error != 0) name->clear();
  return error;
}

// The way to a file without a name; naming it by its descriptor alone needs a privilege.
std::string ProcPath(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

int LinkUnnamed(int descriptor, const std::string& to) {
  const std::string from = ProcPath(descriptor);
  return ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// Invalid where the file system has no such files, or /proc is not there to name it later.
io::Descriptor OpenUnnamed(const std::string& folder) {
#ifdef O_TMPFILE
  io::Descriptor file(::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666));
  if (file.valid() && ::access(ProcPath(file.get()).c_str(), F_OK) == 0) return file;
#endif
  return {};
}

// For kFileExists the caller wants to know the difference; 0 means done.
int RenameNew(const std::string& from, const std::string& to) {
#ifdef RENAME_NOREPLACE
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
  // File systems without that flag: a second name, which fails when the name is taken.
  if (::link(from.c_str(), to.c_str()) == 0) {
    ::unlink(from.c_str());
    return 0;
  }
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  // File systems without hard links (FAT). Here another process could slip in between.
  struct stat info = {};
  if (::lstat(to.c_str(), &info) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const std::string& path, bool overwrite,
                                      Temporary temporary) {
  if (path.empty() || path.back() == '/') {
    return Status(StatusCode::kIo, "'" + path + "': a file name is expected");
  }
  AtomicFile file;
  file.path_ = path;
  file.target_ = path;
  file.overwrite_ = overwrite;

  struct stat old = {};
  const bool exists = ::stat(path.c_str(), &old) == 0;
  if (exists && S_ISDIR(old.st_mode)) {
    return Status(StatusCode::kIo, path + ": is a directory; a file name is expected");
  }
  if (exists && (S_ISCHR(old.st_mode) || S_ISFIFO(old.st_mode))) {
    file.file_ = io::Descriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.file_.valid()) return io::IoError(path, "open for writing", errno);
    file.direct_ = true;
    return file;
  }
  if (exists && !S_ISREG(old.st_mode)) {
    return Status(StatusCode::kIo, path + ": is not a regular file and will not be replaced");
  }
  struct stat link = {};
  const bool is_link = ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  // A link to nothing exists, too, as far as "keep what is there" goes.
  if ((exists || is_link) && !overwrite) return Exists(path);
  if (exists && is_link) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                           &std::free);
    if (real == nullptr) return io::IoError(path, "follow the link", errno);
    file.target_ = real.get();
  }

  const std::string folder = FolderOf(file.target_);
  if (temporary == Temporary::kUnnamedIfPossible) file.file_ = OpenUnnamed(folder);
  int error = 0;
  if (!file.file_.valid()) {
    error = WithTemporaryName(folder, &file.temporary_, [&](const std::string& name) {
      constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
      file.file_ = io::Descriptor(::open(name.c_str(), kFlags, 0666));
      return file.file_.valid() ? 0 : errno;
    });
  }
  if (error != 0) {
    if (error == ENOENT) {
      return Status(StatusCode::kIo,
                    path + ": the folder '" + folder + "' does not exist; create it first");
    }
    if (error == ENOTDIR) {
      return Status(StatusCode::kIo, path + ": '" + folder + "' is not a folder");
    }
    if (error == EACCES || error == EPERM || error == EROFS) {
      return Status(StatusCode::kIo,
                    path + ": no permission to write in the folder '" + folder + "'");
    }
    return io::IoError(path, "create a file in '" + folder + "'", error);
  }
  // Best effort: a private file stays private. Not all file systems know permissions.
  if (exists) (void)::fchmod(file.file_.get(), old.st_mode & 0777);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this == &other) return *this;
  Discard();
  path_ = std::move(other.path_);
  target_ = std::move(other.target_);
  temporary_ = std::exchange(other.temporary_, {});
  direct_ = other.direct_;
  file_ = std::move(other.file_);
  overwrite_ = other.overwrite_;
  failed_ = other.failed_;
  return *this;
}

void AtomicFile::Discard() {
  (void)file_.Close();
  if (!temporary_.empty()) (void)::unlink(temporary_.c_str());
  temporary_.clear();
}

Status AtomicFile::Write(std::span<const std::uint8_t> bytes) {
  if (!file_.valid()) {
    return {StatusCode::kInvalidArgument, path_ + ": written to after commit or discard"};
  }
  while (!bytes.empty()) {
    const ssize_t done = ::write(file_.get(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      failed_ = true;
      return io::IoError(path_, "write", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return Status::Ok();
}

Status AtomicFile::Publish() {
  if (!file_.valid()) {
    return {StatusCode::kInvalidArgument, path_ + ": committed twice or after discard"};
  }
  if (failed_) return {StatusCode::kIo, path_ + ": not kept, because writing it failed"};
  if (direct_) return file_.Close() ? Status::Ok() : io::IoError(path_, "finish writing", errno);
  // Data first, name second: after a power cut the name never points to missing data.
  if (::fsync(file_.get()) != 0) return io::IoError(path_, "flush to the disk", errno);
  const int error = GiveName();
  if (error == EEXIST) return Exists(path_);
  if (error != 0) return io::IoError(path_, "give the finished file its name", error);
  // The new name itself, as far as the file system allows; the file is complete either way.
  const io::Descriptor folder(
      ::open(FolderOf(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) (void)::fsync(folder.get());
  return Status::Ok();
}

int AtomicFile::GiveName() {
  if (temporary_.empty()) {
    const int error = LinkUnnamed(file_.get(), target_);
    if (error != EEXIST || !overwrite_) return error;
    // Only a rename replaces a file, and it needs a name to begin with.
    const int named =
        WithTemporaryName(FolderOf(target_), &temporary_,
                          [&](const std::string& name) { return LinkUnnamed(file_.get(), name); });
    if (named != 0) return named;
  }
  if (!file_.Close()) return errno;
  int error = 0;
  if (overwrite_) {
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) error = errno;
  } else {
    error = RenameNew(temporary_, target_);
  }
  if (error == 0) temporary_.clear();
  return error;
}

Status AtomicFile::Commit() {
  Status status = Publish();
  Discard();
  return status;
}

Status WriteFile(const std::string& path, std::span<const std::uint8_t> bytes, bool overwrite) {
  HALFMOON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, overwrite));
  HALFMOON_RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit();
}

}  // namespace halfmoon
