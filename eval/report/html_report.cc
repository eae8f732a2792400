#include "eval/report/html_report.h"

#include <string_view>

#include "codec/io/atomic_file.h"
#include "eval/report/embedded_pictures.h"
#include "eval/report/page.h"
#include "eval/report/results_file.h"

namespace halfmoon::eval {
namespace {

using Json = nlohmann::json;

// JSON that may stand in a script element: no tag can begin in it. Names that are not UTF-8 show
// U+FFFD.
std::string ScriptJson(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

std::uint64_t SizeOf(const PictureSet& set) {
  std::uint64_t size = 0;
  for (const EmbeddedPicture& picture : set.pictures) size += picture.base64.size();
  return size;
}

// All sets that fit, in order, and {picture: ids} for the page.
struct Embedded {
  std::vector<PictureSet> sets;
  Json ids = Json::object();
};

Embedded Collect(const std::string& report_dir, const Json& results, const ReportOptions& options,
                 ReportSummary* summary) {
  Embedded embedded;
  const auto pictures = results["dataset"].find("pictures");
  if (pictures == results["dataset"].end()) return embedded;
  std::uint64_t left = options.max_picture_bytes;
  for (std::size_t i = 0; i < pictures->size(); ++i) {
    if ((*pictures)[i].contains("error")) continue;
    if (left == 0) {
      ++summary->pictures_left_out;
      continue;
    }
    PictureSet set = CollectPictures(report_dir, results, i);
    const std::uint64_t size = SizeOf(set);
    if (size > left) {
      left = 0;  // a later, smaller picture would make the choice hard to understand
      ++summary->pictures_left_out;
      continue;
    }
    left -= size;
    summary->warnings.insert(summary->warnings.end(), set.problems.begin(), set.problems.end());
    if (!set.pictures.empty()) ++summary->pictures;
    embedded.ids[std::to_string(i)] = set.ids;
    embedded.sets.push_back(std::move(set));
  }
  return embedded;
}

class PageWriter {
 public:
  PageWriter(AtomicFile file, ReportSummary* summary) : file_(std::move(file)), summary_(summary) {}

  Status Write(std::string_view text) {
    summary_->bytes += text.size();
    return file_.Write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  Status Commit() { return file_.Commit(); }

 private:
  AtomicFile file_;
  ReportSummary* summary_;
};

Status WritePage(PageWriter& page, const Json& results, const Embedded& embedded) {
  HALFMOON_RETURN_IF_ERROR(page.Write(kPageParts[0]));
  HALFMOON_RETURN_IF_ERROR(page.Write(ScriptJson(results)));
  HALFMOON_RETURN_IF_ERROR(page.Write(kPageParts[1]));
  HALFMOON_RETURN_IF_ERROR(page.Write(ScriptJson(embedded.ids)));
  HALFMOON_RETURN_IF_ERROR(page.Write(kPageParts[2]));
  for (const PictureSet& set : embedded.sets) {
    for (const EmbeddedPicture& picture : set.pictures) {
      HALFMOON_RETURN_IF_ERROR(page.Write("<script type=\"text/plain\" id=\"" + picture.id +
                                          "\" data-type=\"" + picture.type + "\">"));
      HALFMOON_RETURN_IF_ERROR(page.Write(picture.base64));
      HALFMOON_RETURN_IF_ERROR(page.Write("</script>\n"));
    }
  }
  return page.Write(kPageParts[3]);
}

}  // namespace

bool HasHtmlReport() { return kPageHasCharts; }

Status WriteHtmlReport(const std::string& report_dir, const ReportOptions& options,
                       ReportSummary* summary) {
  ReportSummary own;
  if (summary == nullptr) summary = &own;
  *summary = {};
  if (!HasHtmlReport()) {
    return Status(
        StatusCode::kUnsupportedFeature,
        "report.html: this halfmoon was built without D3, which draws its charts; install "
        "it (Debian: apt-get install node-d3), configure and build again");
  }
  HALFMOON_ASSIGN_OR_RETURN(const Json results, ReadResultsFile(report_dir));
  const Embedded embedded = Collect(report_dir, results, options, summary);
  HALFMOON_ASSIGN_OR_RETURN(AtomicFile file,
                            AtomicFile::Create(ReportPath(report_dir, "report.html"), true));
  PageWriter page(std::move(file), summary);
  HALFMOON_RETURN_IF_ERROR(WritePage(page, results, embedded));
  return page.Commit();
}

}  // namespace halfmoon::eval
