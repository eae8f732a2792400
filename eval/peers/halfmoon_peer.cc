// Halfmoon itself, through codec/'s public API.
#include "eval/peers/adapters.h"
#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "models/runtime/weights/manifest.h"

namespace halfmoon::eval {
namespace {

class HalfmoonPeer : public Peer {
 public:
  HalfmoonPeer(Encoder encoder, Decoder decoder, PeerInfo info)
      : encoder_(std::move(encoder)), decoder_(std::move(decoder)) {
    info_ = std::move(info);
    info_.extension = ".hmn";
    info_.ladder = {4, 16, 36, 60, 94};
  }

  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    EncodeStats stats;
    auto file = encoder_.Encode(picture.view(), quality, &stats);
    estimated_bits_ = stats.coding.estimated_bits;
    stages_ = {{"analysis", stats.analysis_seconds},
               {"prior", stats.coding.prior_seconds},
               {"entropy", stats.coding.entropy_seconds}};
    return file;
  }
  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    DecodeStats stats;
    HALFMOON_ASSIGN_OR_RETURN(Image image, decoder_.Decode(file, &stats));
    stages_ = {{"prior", stats.coding.prior_seconds},
               {"entropy", stats.coding.entropy_seconds},
               {"synthesis", stats.synthesis_seconds}};
    return RgbPicture::From(std::move(image));
  }
  std::optional<double> EstimatedBits() const override { return estimated_bits_; }
  std::vector<Stage> Stages() const override { return stages_; }

 private:
  Encoder encoder_;
  Decoder decoder_;
  double estimated_bits_ = 0;
  std::vector<Stage> stages_;
};

PeerOrError Make(const EncodeOptions& encode, const DecodeOptions& decode, PeerInfo info) {
  HALFMOON_ASSIGN_OR_RETURN(Encoder encoder, Encoder::Create(encode));
  HALFMOON_ASSIGN_OR_RETURN(Decoder decoder, Decoder::Create(decode));
  return std::unique_ptr<Peer>(
      std::make_unique<HalfmoonPeer>(std::move(encoder), std::move(decoder), std::move(info)));
}

}  // namespace

std::vector<OptionRule> AeRules() {
  return {{"model", "NAME", PhotoModel(Tune::kPsnr)},
          {"tune", "psnr|ms-ssim", "psnr"},
          {"effort", "1..9", "3"}};
}

PeerOrError MakeAePeer(const PeerOptions& options, const PeerSettings& settings) {
  EncodeOptions encode;
  encode.effort = static_cast<int>(options.Number("effort"));
  if (options.Given("tune") && options.Given("model")) {
    return Status(StatusCode::kInvalidArgument,
                  "ae: 'tune' and 'model' both choose a model; give one of them");
  }
  encode.model =
      options.Text("tune") == "ms-ssim" ? PhotoModel(Tune::kMsSsim) : options.Text("model");
  encode.threads = settings.threads;
  encode.models_dir = settings.models_dir;
  DecodeOptions decode;
  decode.threads = settings.threads;
  decode.models_dir = settings.models_dir;
  decode.model = encode.model;
  // Which weights these are belongs to the result.
  HALFMOON_ASSIGN_OR_RETURN(const auto manifest,
                            runtime::OpenModels(settings.models_dir, {encode.model}));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::ModelEntry* model, manifest.Find(encode.model));
  PeerInfo info;
  info.adapter = "ae";
  info.description = "Halfmoon, model " + model->name;
  info.version = "halfmoon " HALFMOON_VERSION ", weights " + model->identity;
  return Make(encode, decode, std::move(info));
}

std::vector<OptionRule> OverfittedRules() { return {{"iterations", "10..1000000", "1000"}}; }

PeerOrError MakeOverfittedPeer(const PeerOptions& options, const PeerSettings& settings) {
  EncodeOptions encode;
  encode.model = "overfitted";
  encode.iterations = options.Number("iterations");
  encode.threads = settings.threads;
  DecodeOptions decode;
  decode.threads = settings.threads;
  PeerInfo info;
  info.adapter = "overfitted";
  info.description =
      "Halfmoon, fitted to each picture in " + options.Text("iterations") + " iterations";
  info.version = "halfmoon " HALFMOON_VERSION;
  return Make(encode, decode, std::move(info));
}

}  // namespace halfmoon::eval
