#include "cli/start_up.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace halfmoon::cli {
namespace {

// A closed descriptor would be given to the next file that is opened, and reports would be written
// into pictures. Opened the wrong way round, so that its use is an error as with a closed one.
void OpenStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest free number, which is `fd`; it fails only without /dev.
    (void)::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  }
}

void Nothing(int) {}

// A handler and not SIG_IGN: programs that this one starts get the default back.
void KeepRunningAt(int signal) {
  struct sigaction action = {};
  sigaction(signal, nullptr, &action);
  if (action.sa_handler != SIG_DFL) return;
  action.sa_handler = Nothing;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void PrepareProcess() {
  OpenStandardDescriptors();
  KeepRunningAt(SIGPIPE);
  KeepRunningAt(SIGXFSZ);
}

}  // namespace halfmoon::cli
