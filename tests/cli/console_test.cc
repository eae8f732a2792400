// What the program prints, piece by piece.
#include "cli/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

namespace halfmoon::cli {
namespace {

TEST(Console, EstimatesAreRound) {
  for (const auto& [seconds, text] :
       {std::pair{0.0, "1 s"}, std::pair{0.2, "1 s"}, std::pair{1.5, "2 s"},
        std::pair{48.84, "49 s"}, std::pair{59.4, "59 s"}, std::pair{59.6, "1 min"},
        std::pair{89.0, "1 min"}, std::pair{180.0, "3 min"}, std::pair{3569.0, "59 min"},
        std::pair{3571.0, "1 h"}, std::pair{4200.0, "1 h 10 min"},
        std::pair{86340.0, "23 h 59 min"}, std::pair{86400.0, "1 d"},
        std::pair{97200.0, "1 d 3 h"}}) {
    EXPECT_EQ(RoughDuration(seconds), text) << seconds;
  }
}

// What a child prints on a terminal.
template <typename Work>
std::string OnTerminal(Work work) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(terminal, 0);
  EXPECT_EQ(::grantpt(terminal), 0);
  EXPECT_EQ(::unlockpt(terminal), 0);
  const std::string name = ::ptsname(terminal);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(name.c_str(), O_RDWR | O_NOCTTY), STDERR_FILENO);
    work();
    ::_exit(0);
  }
  std::string text;
  char buffer[256];
  // The other end is gone when the child is: an error on Linux.
  for (ssize_t got = 0; (got = ::read(terminal, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ::close(terminal);
  return text;
}

TEST(Console, ProgressBeginsAfterTwoSeconds) {
  const std::string text = OnTerminal([] {
    ProgressLine line(/*quiet=*/false), quiet(/*quiet=*/true);
    line.ShowShare("too early", 0.25);
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    line.ShowShare("working", 0.5);
    line.ShowShare("too soon", 0.51);
    quiet.ShowShare("quiet", 0.5);
    line.Clear();
    line.ShowCount("files", 1, 3, 0.5);
  });
  EXPECT_EQ(text, "\rworking 50 %, 2 s left\x1b[K\r\x1b[K\rfiles 1/3, 2 s left\x1b[K\r\x1b[K");
}

TEST(Console, ElapsedTimeIsShownOfWorkWithoutShares) {
  const std::string text = OnTerminal([] {
    ElapsedLine line(/*quiet=*/false, "exporting");
    std::this_thread::sleep_for(std::chrono::milliseconds(3300));
    line.Stop();
  });
  EXPECT_TRUE(text.starts_with("\rexporting, ")) << text;
  EXPECT_TRUE(text.ends_with(" s\x1b[K\r\x1b[K")) << text;
}

}  // namespace
}  // namespace halfmoon::cli
