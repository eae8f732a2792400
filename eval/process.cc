#include "eval/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

extern char** environ;

namespace halfmoon::eval {
namespace {

using TempFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Output goes to files without a name: nothing blocks when nobody reads, and nothing is left
// behind.
TempFile MakeTempFile() {
  std::FILE* file = std::tmpfile();
  if (file) ::fcntl(::fileno(file), F_SETFD, FD_CLOEXEC);
  return TempFile(file, std::fclose);
}

std::string ReadAll(std::FILE* file) {
  std::string text;
  char buffer[4096];
  std::rewind(file);
  while (const std::size_t n = std::fread(buffer, 1, sizeof(buffer), file)) text.append(buffer, n);
  return text;
}

}  // namespace

std::string LastLine(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const auto start = text.find_last_of('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1,
                     end - (start == std::string::npos ? 0 : start + 1) + 1);
}

Result<ProcessResult> RunProcess(const std::vector<std::string>& command, double timeout_seconds) {
  if (command.empty()) return Status(StatusCode::kInvalidArgument, "no program to run");
  const TempFile out = MakeTempFile(), err = MakeTempFile();
  if (!out || !err) {
    return Status(StatusCode::kIo, std::string("temporary file: ") + std::strerror(errno));
  }
  std::vector<char*> arguments;
  for (const std::string& a : command) arguments.push_back(const_cast<char*>(a.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ::fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ::fileno(err.get()), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);  // a group of its own, to be ended as a whole

  const auto start = std::chrono::steady_clock::now();
  auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  pid_t child = -1;
  const int failure =
      posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    return Status(StatusCode::kIo, command[0] + ": cannot be started: " + std::strerror(failure));
  }

  ProcessResult result;
  int status = 0;
  struct rusage usage = {};
  for (;;) {
    const pid_t ended = ::wait4(child, &status, WNOHANG, &usage);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) {
      return Status(StatusCode::kIo, command[0] + ": " + std::strerror(errno));
    }
    if (seconds() > timeout_seconds) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      return Status(StatusCode::kLimitExceeded,
                    command[0] + ": still running after " +
                        std::to_string(static_cast<int>(timeout_seconds)) +
                        " seconds; it was ended; allow more time or check the command");
    }
    // Fine enough to time short programs, and no load on long ones.
    std::this_thread::sleep_for(std::chrono::microseconds(seconds() < 1 ? 200 : 5000));
  }
  result.seconds = seconds();
  result.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  result.peak_memory_bytes = static_cast<long long>(usage.ru_maxrss) * 1024;
  result.out = ReadAll(out.get());
  result.err = ReadAll(err.get());
  return result;
}

}  // namespace halfmoon::eval
