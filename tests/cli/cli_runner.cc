#include "tests/cli/cli_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include "codec/imageio/image_io.h"

namespace halfmoon::testing {
namespace {

namespace fs = std::filesystem;

// Streams go through files: no pipe can fill up.
pid_t Start(const std::vector<std::string>& arguments, const Environment& environment,
            const TempFolder& streams) {
  std::vector<std::string> words = {HALFMOON_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> settings;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string setting = *e;
    if (environment.count(setting.substr(0, setting.find('='))) == 0) settings.push_back(setting);
  }
  for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (std::string& w : words) argv.push_back(w.data());
  for (std::string& s : settings) envp.push_back(s.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 0, (streams / "in").c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, (streams / "out").c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (streams / "err").c_str(), create, 0600);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot start " << argv[0];
  return error == 0 ? pid : -1;
}

CliResult Finish(pid_t pid, const TempFolder& streams) {
  CliResult result;
  int status = 0;
  if (pid > 0 && ::waitpid(pid, &status, 0) == pid) {
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  result.out = ReadText(streams / "out");
  result.err = ReadText(streams / "err");
  return result;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "halfmoon-cli-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> TempFolder::List() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

CliResult RunCli(const std::vector<std::string>& arguments, const Environment& environment,
                 const std::string& input) {
  const TempFolder streams;
  WriteText(streams / "in", input);
  return Finish(Start(arguments, environment, streams), streams);
}

CliResult RunCliAndInterrupt(const std::vector<std::string>& arguments, const std::string& file) {
  const TempFolder streams;
  WriteText(streams / "in", "");
  const pid_t pid = Start(arguments, {}, streams);
  for (int i = 0; pid > 0 && i < 600 && !fs::exists(file); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (pid > 0) ::kill(pid, SIGINT);
  return Finish(pid, streams);
}

void RunCliAndKill(const std::vector<std::string>& arguments, std::chrono::milliseconds after) {
  const TempFolder streams;
  WriteText(streams / "in", "");
  const pid_t pid = Start(arguments, {}, streams);
  std::this_thread::sleep_for(after);
  if (pid > 0) ::kill(pid, SIGKILL);
  Finish(pid, streams);
}

std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  EXPECT_TRUE(out.flush()) << path;
}

void WritePicture(const std::string& path, std::uint32_t width, std::uint32_t height, int seed,
                  std::uint32_t channels) {
  auto image = Image::Create(width, height, channels);
  ASSERT_TRUE(image.ok());
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const double u = x * 0.05 * (1 + seed % 5) + seed, v = y * 0.07 - seed;
      const double edge = x + y * (1 + seed % 3) > width ? 40 : 0;
      for (std::uint32_t c = 0; c < channels; ++c) {
        image->row(y)[x * channels + c] =
            static_cast<std::uint8_t>(110 + 50 * std::sin(u + c) * std::cos(v) + edge);
      }
    }
  }
  const Status status = WriteImageFile(path, image->view(), {}, /*overwrite=*/true);
  ASSERT_TRUE(status.ok()) << status.message();
}

}  // namespace halfmoon::testing
