#include "eval/result_files.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <thread>

#include "codec/io/atomic_file.h"
#include "eval/aggregate.h"
#include "eval/entries.h"
#include "eval/timing.h"

namespace halfmoon::eval {
namespace {

Json Machine() {
  return {{"cpu", CpuName()},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_bytes", static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) *
                               static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE))}};
}

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json DatasetToJson(const Evaluation& e) {
  Json pictures = Json::array();
  int count = 0;
  for (const DatasetPicture& p : e.pictures) {
    Json& json = pictures.emplace_back(Json{{"name", p.name}});
    if (p.error.failed()) {
      json["error"] = p.error.message;
      continue;
    }
    ++count;
    json["width"] = p.width;
    json["height"] = p.height;
    if (!p.file.empty()) json["file"] = p.file;
    if (!p.note.empty()) json["note"] = p.note;
  }
  return {{"name", e.dataset_name}, {"count", count}, {"pictures", pictures}};
}

Json TimingToJson(const TimingRow& t) {
  Json json = {{"picture", t.picture}, {"point", t.point}, {"threads", t.threads}};
  if (t.error.failed()) {
    json["error"] = t.error.message;
  } else {
    const Json encode = SpentToJson(t.encode), decode = SpentToJson(t.decode);
    for (const char* key : {"seconds", "memory_bytes", "stages"}) {
      json[std::string("encode_") + key] = encode[key];
      json[std::string("decode_") + key] = decode[key];
    }
  }
  return json;
}

Json CodecToJson(const Evaluation& e, const CodecResult& c) {
  Json json = {{"name", c.info.name},
               {"adapter", c.info.adapter},
               {"description", c.info.description},
               {"version", c.info.version}};
  if (c.error.failed()) json["error"] = c.error.message;
  Json points = Json::array(), rows = Json::array(), timing = Json::array();
  const auto means = MeansOf(e, c);
  for (std::size_t q = 0; q < means.size(); ++q) {
    const PointMeans& m = means[q];
    Json point = {{"quality", m.quality}};
    if (m.pictures > 0) {
      point["bpp"] = m.bpp;
      if (m.estimated_bpp) point["estimated_bpp"] = *m.estimated_bpp;
      point["bytes"] = m.bytes;
      point["metrics"] = MetricsToJson(m.metrics);
    }
    point["failed"] = m.failed;
    points.push_back(point);
    for (std::size_t p = 0; p < e.pictures.size(); ++p) {
      if (e.pictures[p].error.failed()) continue;
      Json row = {{"picture", p}, {"point", q}};
      row.update(MeasurementToJson(c.rows[q][p]));
      rows.push_back(row);
    }
  }
  for (const TimingRow& t : c.timing) timing.push_back(TimingToJson(t));
  json["points"] = points;
  json["pictures"] = rows;
  json["timing"] = timing;
  return json;
}

Json AnchorsToJson(const Evaluation& e) {
  Json anchors = Json::array();
  for (const CurveFile& a : e.anchors.curves) {
    Json points = Json::array();
    for (std::size_t i = 0; i < a.bpp.size(); ++i) {
      metrics::MetricValues metrics;
      if (!a.psnr_rgb.empty()) metrics[metrics::Metric::kPsnrRgb] = a.psnr_rgb[i];
      if (!a.ms_ssim_rgb.empty()) {
        metrics[metrics::Metric::kMsSsim] = a.ms_ssim_rgb[i];
        metrics[metrics::Metric::kMsSsimDb] = metrics::MsSsimToDb(a.ms_ssim_rgb[i]);
      }
      points.push_back({{"bpp", a.bpp[i]}, {"metrics", MetricsToJson(metrics)}});
    }
    anchors.push_back({{"name", a.name}, {"source", a.description}, {"points", points}});
  }
  return anchors;
}

Json BdToJson(const BdEntry& b) {
  Json json = {{"anchor", b.anchor}, {"test", b.test}, {"published", b.published}};
  for (const metrics::MetricName& n : metrics::kMetrics) {
    if (n.metric == b.metric) json["metric"] = std::string(n.key);
  }
  json["method"] = "pchip";
  if (b.difference.ok()) {
    const BdDifference& d = *b.difference;
    json["bd_rate"] = Number(d.bd_rate);
    json["bd_metric"] = Number(d.bd_metric);
    json["overlap"] = {{"low", d.low}, {"high", d.high}, {"share", d.share}};
    if (!d.warning.empty()) json["warning"] = d.warning;
  } else {
    json["refused"] = b.difference.status().message();
  }
  if (b.published) return json;
  Json values = Json::array();
  for (const PictureBd& p : b.per_picture) {
    values.push_back({{"picture", p.picture}, {"bd_rate", p.bd_rate}});
  }
  Json pictures = {{"count", b.per_picture.size()}};
  if (!b.per_picture.empty()) {
    pictures["mean"] = b.mean;
    pictures["median"] = b.median;
    pictures["stddev"] = b.stddev;
    pictures["min"] = b.min;
    pictures["max"] = b.max;
  }
  pictures["refused"] = b.refused;
  pictures["values"] = values;
  json["per_picture"] = pictures;
  json["wins"] = b.wins;
  json["losses"] = b.losses;
  return json;
}

Json MatchedToJson(const Evaluation& e) {
  Json list = Json::array();
  for (std::size_t p = 0; p < e.matched.size(); ++p) {
    if (e.pictures[p].error.failed()) continue;
    Json files = Json::array();
    for (std::size_t c = 0; c < e.codecs.size(); ++c) {
      const MatchedFile& m = e.matched[p][c];
      Json file = {{"codec", e.codecs[c].info.name}};
      if (!m.measured.error.failed()) file["quality"] = m.quality;
      file.update(MeasurementToJson(m.measured));
      if (!m.file.empty()) file["file"] = m.file;
      if (!m.encoded.empty()) file["encoded"] = m.encoded;
      files.push_back(file);
    }
    list.push_back({{"picture", p}, {"target_bpp", e.options.matched_bpp}, {"files", files}});
  }
  return list;
}

Json TimingInfo(const Evaluation& e) {
  std::set<int> pictures;
  for (const CodecResult& c : e.codecs) {
    for (const TimingRow& t : c.timing) pictures.insert(t.picture);
  }
  return {{"pictures", pictures}, {"repeats", e.options.repeats}, {"threads", e.timing_threads}};
}

std::string CsvText(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string CsvNumber(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

// Mean seconds of a point with one thread; nothing when it was not measured.
std::optional<double> MeanSeconds(const CodecResult& c, std::size_t point,
                                  Spent TimingRow::*field) {
  double sum = 0;
  int count = 0;
  for (const TimingRow& t : c.timing) {
    if (t.threads != 1 || t.error.failed() || t.point != static_cast<int>(point)) continue;
    sum += (t.*field).seconds;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

// CompressAI's layout. Its lists are equally long, so a list that lacks a point is left out.
CurveFile ToCurveFile(const Evaluation& e, const CodecResult& c) {
  CurveFile curve;
  curve.name = c.info.name;
  curve.description = c.info.description + "; " + c.info.version + "; data set " + e.dataset_name;
  const auto means = MeansOf(e, c);
  auto add = [](std::vector<double>* list, std::optional<double> value) {
    if (value && std::isfinite(*value)) list->push_back(*value);
  };
  for (std::size_t q = 0; q < means.size(); ++q) {
    if (means[q].failed > 0 || means[q].pictures == 0) continue;
    add(&curve.bpp, means[q].bpp);
    add(&curve.psnr_rgb, means[q].metrics[metrics::Metric::kPsnrRgb]);
    add(&curve.ms_ssim_rgb, means[q].metrics[metrics::Metric::kMsSsim]);
    add(&curve.encoding_time, MeanSeconds(c, q, &TimingRow::encode));
    add(&curve.decoding_time, MeanSeconds(c, q, &TimingRow::decode));
  }
  for (auto* list :
       {&curve.psnr_rgb, &curve.ms_ssim_rgb, &curve.encoding_time, &curve.decoding_time}) {
    if (list->size() != curve.bpp.size()) list->clear();
  }
  return curve;
}

std::string FileName(const std::string& name) {
  std::string file;
  for (const char c : name) file += c == ':' || c == '/' || c == ',' || c == ' ' ? '_' : c;
  return file.substr(0, 100);
}

Status WriteText(const std::string& path, const std::string& text) {
  return WriteFile(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                   /*overwrite=*/true);
}

Json ToJson(const Evaluation& e) {
  Json metrics = Json::array(), codecs = Json::array(), bd = Json::array();
  for (const metrics::MetricName& n : metrics::kMetrics) {
    metrics.push_back({{"key", std::string(n.key)},
                       {"name", std::string(n.title)},
                       {"unit", std::string(n.unit)}});
  }
  for (const CodecResult& c : e.codecs) codecs.push_back(CodecToJson(e, c));
  for (const BdEntry& b : CompareAll(e)) bd.push_back(BdToJson(b));
  Json json = {{"format", "halfmoon-eval-1"},  {"halfmoon", HALFMOON_VERSION},
               {"command", e.options.command}, {"machine", Machine()},
               {"metrics", metrics},           {"dataset", DatasetToJson(e)},
               {"notes", NotesOf(e)},          {"codecs", codecs},
               {"anchors", AnchorsToJson(e)},  {"bd", bd},
               {"matched", MatchedToJson(e)}};
  if (!e.anchors.dataset.name.empty()) {
    json["anchors_dataset"] = {{"name", e.anchors.dataset.name}, {"fits", AnchorsFit(e)}};
  }
  if (!e.timing_threads.empty()) json["timing"] = TimingInfo(e);
  return json;
}

std::string Text(const Json& json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ResultsToJson(const Evaluation& e) { return Text(ToJson(e)); }

std::string SummaryToJson(const Evaluation& e) {
  Json json = ToJson(e);
  json["format"] = "halfmoon-eval-summary-1";
  for (const char* key : {"metrics", "anchors", "matched"}) json.erase(key);
  json["dataset"].erase("pictures");
  for (Json& codec : json["codecs"]) codec.erase("pictures");
  for (Json& bd : json["bd"]) {
    if (bd.contains("per_picture")) bd["per_picture"].erase("values");
  }
  return Text(json);
}

std::string PicturesToCsv(const Evaluation& e) {
  std::string csv = "codec,picture,width,height,quality,bytes,bpp";
  for (const metrics::MetricName& n : metrics::kMetrics) csv += "," + std::string(n.key);
  csv += ",error\n";
  for (const DatasetPicture& p : e.pictures) {
    if (!p.error.failed()) continue;
    csv.append(",").append(CsvText(p.name)).append(6 + metrics::kMetricCount, ',');
    csv.append(CsvText(p.error.message)).append("\n");
  }
  for (const CodecResult& c : e.codecs) {
    if (c.error.failed()) {
      csv.append(CsvText(c.info.name)).append(7 + metrics::kMetricCount, ',');
      csv.append(CsvText(c.error.message)).append("\n");
    }
    for (std::size_t q = 0; q < c.rows.size(); ++q) {
      for (std::size_t p = 0; p < e.pictures.size(); ++p) {
        const DatasetPicture& picture = e.pictures[p];
        if (picture.error.failed()) continue;
        const Measurement& m = c.rows[q][p];
        csv += CsvText(c.info.name) + "," + CsvText(picture.name) + "," +
               std::to_string(picture.width) + "," + std::to_string(picture.height) + "," +
               CsvNumber(c.qualities[q]) + ",";
        if (m.error.failed()) {
          csv.append(2 + metrics::kMetricCount, ',').append(CsvText(m.error.message)).append("\n");
          continue;
        }
        csv += std::to_string(m.bytes) + "," + CsvNumber(m.bpp);
        for (const metrics::MetricName& n : metrics::kMetrics) {
          csv += ",";
          if (const auto& value = m.metrics[n.metric]) csv += CsvNumber(*value);
        }
        csv += ",\n";
      }
    }
  }
  return csv;
}

Status WriteResults(const Evaluation& e) {
  const std::string& out = e.options.out;
  for (const CodecResult& c : e.codecs) {
    if (c.error.failed()) continue;
    HALFMOON_RETURN_IF_ERROR(WriteText(out + "/codecs/" + FileName(c.info.name) + ".json",
                                       CurveToJson(ToCurveFile(e, c))));
  }
  HALFMOON_RETURN_IF_ERROR(WriteText(out + "/pictures.csv", PicturesToCsv(e)));
  return WriteText(out + "/results.json", ResultsToJson(e));
}

}  // namespace halfmoon::eval
