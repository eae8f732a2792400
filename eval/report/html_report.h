// The report of an evaluation as one HTML file. Must not include printing or argument parsing.
//
// Read me first. The page is self-contained: style, scripts, D3 with its licence, results and
// pictures are inside; it asks no network (its content security policy forbids it) and works from
// file://. Pictures make nearly all of its size: 24 Kodak pictures with five codecs at one rate,
// two of which no browser shows, take 41 MB (1.7 MB each).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

struct ReportOptions {
  // Most bytes of pictures (as base64 text) in the page: browsers on phones give up far above.
  // Whole pictures with all codecs are taken in order while they fit; the others have their page
  // with all numbers but no pixels. 0: none.
  std::uint64_t max_picture_bytes = std::uint64_t{96} << 20;
};

struct ReportSummary {
  std::uint64_t bytes = 0;            // of the page
  std::size_t pictures = 0;           // of the data set that are embedded
  std::size_t pictures_left_out = 0;  // beyond max_picture_bytes
  std::vector<std::string> warnings;  // pictures that could not be read, one sentence each
};

// Whether the page was built in (D3 was there at configuration).
bool HasHtmlReport();

// Reads REPORT_DIR/results.json and the pictures it names; writes REPORT_DIR/report.html, replacing
// an older one. `summary` may be null.
// Errors: kUnsupportedFeature (built without D3), those of ReadResultsFile, kIo.
Status WriteHtmlReport(const std::string& report_dir, const ReportOptions& options = {},
                       ReportSummary* summary = nullptr);

}  // namespace halfmoon::eval
