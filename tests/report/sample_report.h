// A small report folder for tests: two pictures, four codecs, published curves, failures.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace halfmoon::eval::testing {

// Names that a page must not take for its own markup.
inline constexpr char kHostileName[] = "<img src=x onerror=alert(1)></script>&\"'.png";

// A fresh folder under the tests' temporary folder; removed when it goes.
class SampleReport {
 public:
  SampleReport();
  ~SampleReport();
  SampleReport(const SampleReport&) = delete;
  SampleReport& operator=(const SampleReport&) = delete;

  const std::string& folder() const { return folder_; }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // What results.json holds; change it and Save.
  nlohmann::json& results() { return results_; }
  void Save() const;

 private:
  std::string folder_;
  nlohmann::json results_;
};

std::string ReadText(const std::string& path);

}  // namespace halfmoon::eval::testing
