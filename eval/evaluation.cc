#include "eval/evaluation.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <new>
#include <set>

#include "codec/imageio/image_io.h"
#include "eval/dataset.h"
#include "eval/entries.h"
#include "eval/run.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon::eval {
namespace {

namespace fs = std::filesystem;

Status Invalid(const std::string& message) { return {StatusCode::kInvalidArgument, message}; }

// Codecs by name. A wrong name ends the run before it starts; what can't be used here and now is
// part of the result.
Status AddCodecs(Run* run) {
  Evaluation& e = *run->evaluation;
  for (std::size_t i = 0; i < e.options.codecs.size(); ++i) {
    const auto peer = run->peers.Get(/*worker=*/0, i);
    CodecResult codec;
    if (peer.ok()) {
      codec.info = (*peer)->info();
    } else if (peer.status().code() == StatusCode::kInvalidArgument) {
      return peer.status();
    } else {
      codec.info.name = e.options.codecs[i];
      codec.info.adapter = codec.info.name.substr(0, codec.info.name.find(':'));
      codec.error.Set(peer.status());
    }
    for (const CodecResult& other : e.codecs) {
      if (other.info.name == codec.info.name) {
        return Invalid("codec '" + codec.info.name +
                       "' is given twice; leave one out, or name an "
                       "exec codec with name=");
      }
    }
    if (!codec.error.failed()) {
      codec.qualities = e.options.qualities.empty() ? SpreadQualities(codec.info, e.options.points)
                                                    : e.options.qualities;
      std::sort(codec.qualities.begin(), codec.qualities.end());
      for (const double q : codec.qualities) {
        if (q >= codec.info.lowest && q <= codec.info.highest) continue;
        char text[120];
        std::snprintf(text, sizeof(text), ": quality %g is out of range; legal are %g to %g", q,
                      codec.info.lowest, codec.info.highest);
        return Invalid(codec.info.name + text);
      }
      codec.rows.assign(codec.qualities.size(), std::vector<Measurement>(e.pictures.size()));
    }
    e.codecs.push_back(std::move(codec));
  }
  return Status::Ok();
}

// All that decides about the numbers of the journal.
Json Signature(const Evaluation& e) {
  Json json = {{"halfmoon", HALFMOON_VERSION}, {"pixels", "8-bit RGB over mid-grey"}};
  for (const DatasetPicture& p : e.pictures) json["pictures"].push_back({p.name, p.hash});
  for (const CodecResult& c : e.codecs) json["codecs"].push_back({c.info.name, c.info.version});
  return json;
}

Status OpenReport(Run* run) {
  const EvaluationOptions& o = run->options();
  if (o.out.empty()) return Status::Ok();
  std::error_code error;
  fs::create_directories(o.out, error);
  if (error) return {StatusCode::kIo, o.out + ": cannot make the folder: " + error.message()};
  const std::string journal = run->OutPath("journal.jsonl");
  if (!o.resume && !o.overwrite && !fs::is_empty(o.out, error)) {
    return {StatusCode::kFileExists,
            o.out +
                ": is not empty; give --resume to go on with the run in it, --force to replace "
                "it, or another folder"};
  }
  for (const char* folder : {"originals", "matched", "codecs"}) {
    fs::create_directories(run->OutPath(folder), error);
  }
  return run->journal.Open(journal, Signature(*run->evaluation), o.resume);
}

void WriteOriginal(Run* run, const DatasetPicture& picture, const RgbPicture& image) {
  const std::string path = run->OutPath(picture.file);
  std::error_code error;
  if (run->options().resume && fs::exists(path, error)) return;
  if (const Status s = WriteImageFile(path, image.view(), {}, true); !s.ok()) run->Fail(s);
}

// A name in the report folder for each picture, all different.
std::vector<std::string> OriginalFiles(const std::vector<DatasetPicture>& pictures) {
  std::vector<std::string> files;
  std::set<std::string> taken;
  for (const DatasetPicture& p : pictures) {
    std::string name = p.name;
    std::replace(name.begin(), name.end(), '/', '_');
    if (fs::path(name).extension() != ".png") name += ".png";
    while (!taken.insert(name).second) name.insert(0, "_");
    files.push_back("originals/" + name);
  }
  return files;
}

void ReadPictures(Run* run) {
  std::vector<DatasetPicture>& pictures = run->evaluation->pictures;
  const std::vector<std::string> files = OriginalFiles(pictures);
  run->Restart();
  runtime::ParallelFor(run->options().jobs, pictures.size(), [&](std::size_t, std::size_t i) {
    DatasetPicture& p = pictures[i];
    if (!p.error.failed()) {
      const auto image = ReadRgb(p.path, &p.note);
      if (image.ok()) {
        p.width = image->width();
        p.height = image->height();
        if (!run->options().out.empty()) {
          p.file = files[i];
          WriteOriginal(run, p, *image);
        }
      } else {
        p.error.Set(image.status());
      }
    }
    run->Step("reading", pictures.size());
  });
}

struct Task {
  std::size_t codec, point, picture;
};

void MeasureTask(Run* run, int worker, const Task& t) {
  Evaluation& e = *run->evaluation;
  CodecResult& codec = e.codecs[t.codec];
  Measurement& row = codec.rows[t.point][t.picture];
  const double quality = codec.qualities[t.point];
  const std::string key = EntryKey("row", codec, quality, e.pictures[t.picture]);
  if (const auto* known = run->journal.Find(key)) {
    row = MeasurementFromJson(*known);
    return;
  }
  const auto image = ReadRgb(e.pictures[t.picture].path);
  const auto peer = run->peers.Get(worker, t.codec);
  if (!image.ok() || !peer.ok()) {
    row.error.Set(image.ok() ? peer.status() : image.status());
    return;
  }
  row = MeasureOnce(*peer, *image, quality, nullptr, nullptr);
  if (row.error.failed()) return;  // to be tried again when the run is resumed
  if (const Status s = run->journal.Add(key, MeasurementToJson(row)); !s.ok()) run->Fail(s);
}

void Sweep(Run* run) {
  const Evaluation& e = *run->evaluation;
  std::vector<Task> tasks;  // picture by picture, so that curves grow evenly
  for (std::size_t p = 0; p < e.pictures.size(); ++p) {
    if (e.pictures[p].error.failed()) continue;
    for (std::size_t c = 0; c < e.codecs.size(); ++c) {
      for (std::size_t q = 0; q < e.codecs[c].qualities.size(); ++q) tasks.push_back({c, q, p});
    }
  }
  run->Restart();
  runtime::ParallelFor(run->options().jobs, tasks.size(), [&](std::size_t worker, std::size_t i) {
    if (!run->fatal().ok()) return;
    const Task& t = tasks[i];
    try {
      MeasureTask(run, static_cast<int>(worker), t);
    } catch (const std::bad_alloc&) {
      run->evaluation->codecs[t.codec].rows[t.point][t.picture].error.Set(
          {StatusCode::kOutOfMemory, "out of memory; try fewer jobs"});
    } catch (const std::exception& error) {
      run->evaluation->codecs[t.codec].rows[t.point][t.picture].error.Set(
          {StatusCode::kInternal, error.what()});
    }
    run->Step("measuring", tasks.size());
  });
}

}  // namespace

std::string EntryKey(const std::string& kind, const CodecResult& codec, double value,
                     const DatasetPicture& picture) {
  char text[64];
  std::snprintf(text, sizeof(text), "|%.10g|%016llx", value,
                static_cast<unsigned long long>(picture.hash));
  return kind + "|" + codec.info.name + text;
}

Measurement MeasureOnce(Peer* peer, const RgbPicture& original, double quality,
                        std::vector<std::uint8_t>* file, RgbPicture* decoded) {
  Measurement m;
  auto bytes = peer->Encode(original, quality);
  if (!bytes.ok()) {
    m.error.Set(bytes.status().WithContext("encoding"));
    return m;
  }
  const std::optional<double> estimated_bits = peer->EstimatedBits();
  auto image = peer->Decode(*bytes);
  if (!image.ok()) {
    m.error.Set(image.status().WithContext("decoding"));
    return m;
  }
  const auto metrics = metrics::Measure(original, *image);
  if (!metrics.ok()) {
    m.error.Set(metrics.status());
    return m;
  }
  m.bytes = bytes->size();
  const double pixels = static_cast<double>(original.pixels());
  m.bpp = 8 * static_cast<double>(m.bytes) / pixels;
  if (estimated_bits) m.estimated_bpp = *estimated_bits / pixels;
  m.metrics = *metrics;
  if (file) *file = *std::move(bytes);
  if (decoded) *decoded = *std::move(image);
  return m;
}

Status EvaluationOptions::Validate() const {
  if (codecs.empty()) return Invalid("no codec; give at least one");
  if (points < 1 || points > 100) {
    return Invalid("points: " + std::to_string(points) + " is out of range; legal are 1 to 100");
  }
  if (jobs < 1 || jobs > 256) {
    return Invalid("jobs: " + std::to_string(jobs) + " is out of range; legal are 1 to 256");
  }
  if (repeats < 1 || repeats > 1000 || timing_pictures < 1) {
    return Invalid("repeats (1 to 1000) or timing pictures (1 or more) are out of range");
  }
  if (!(matched_bpp >= 0 && matched_bpp <= 24)) return Invalid("matched bpp: legal are 0 to 24");
  if (resume && out.empty()) return Invalid("no report folder to go on in; give --out");
  return Status::Ok();
}

Status Evaluation::FirstFailure() const {
  for (const DatasetPicture& p : pictures) {
    if (p.error.failed()) return {p.error.code, p.error.message};
  }
  for (std::size_t c = 0; c < codecs.size(); ++c) {
    if (codecs[c].error.failed()) return {codecs[c].error.code, codecs[c].error.message};
    for (const auto& point : codecs[c].rows) {
      for (std::size_t p = 0; p < point.size(); ++p) {
        if (point[p].error.failed()) {
          return {point[p].error.code,
                  codecs[c].info.name + ", " + pictures[p].name + ": " + point[p].error.message};
        }
      }
    }
    for (const TimingRow& row : codecs[c].timing) {
      if (row.error.failed()) {
        return {row.error.code, codecs[c].info.name + ", timing: " + row.error.message};
      }
    }
  }
  return Status::Ok();
}

Result<Evaluation> Evaluate(const EvaluationOptions& options, const EvaluationProgress& progress) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  Evaluation evaluation;
  evaluation.options = options;
  evaluation.dataset_name = options.title.empty() ? DatasetTitle(options.pictures) : options.title;
  if (!options.anchors.empty()) {  // read first: a typo should not cost minutes
    HALFMOON_ASSIGN_OR_RETURN(evaluation.anchors, ReadCurves(options.anchors));
  }
  HALFMOON_ASSIGN_OR_RETURN(evaluation.pictures, ListPictures(options.pictures));
  Run run(&evaluation, progress);
  HALFMOON_RETURN_IF_ERROR(AddCodecs(&run));
  HALFMOON_RETURN_IF_ERROR(OpenReport(&run));
  ReadPictures(&run);
  HALFMOON_RETURN_IF_ERROR(run.fatal());
  if (std::all_of(evaluation.pictures.begin(), evaluation.pictures.end(),
                  [](const DatasetPicture& p) { return p.error.failed(); })) {
    const Failure& first = evaluation.pictures.front().error;
    return Status(first.code, "no picture can be read; the first: " + first.message);
  }
  Sweep(&run);
  HALFMOON_RETURN_IF_ERROR(run.fatal());
  if (options.matched_bpp > 0 && !options.out.empty()) MatchPictures(&run);
  HALFMOON_RETURN_IF_ERROR(run.fatal());
  if (options.timing) HALFMOON_RETURN_IF_ERROR(MeasureTiming(&run));
  return evaluation;
}

}  // namespace halfmoon::eval
