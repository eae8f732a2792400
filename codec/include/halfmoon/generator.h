// Generator: new pictures from a model. Public; depends on halfmoon headers and std only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

struct GeneratorOptions {
  // A name or id from the manifest, or a weights file (.safetensors); the models with a generative
  // mode are listed when it has none.
  std::string model;
  int threads = 0;         // 1..256; 0: one per core
  std::string models_dir;  // as EncodeOptions::models_dir
  // Of models that draw codebook indices: the prior (a name, id or file) that draws them. Empty:
  // the first in the manifest that was trained for this codec. One of another codec is refused. Of
  // VAEs: "normal", N(0, I), or "mixture", the one that was fitted to the codes of training
  // pictures; empty: the mixture where there is one.
  std::string prior;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// Most pictures of one request.
inline constexpr int kMaxSamples = 65536;

struct SampleRequest {
  int count = 1;           // pictures, 1..kMaxSamples
  std::uint64_t seed = 0;  // picture i depends on seed and i alone
  // 0..4: of what is drawn; below 1: more typical, less varied. Of VAEs: times the distance from
  // the origin, or from the middle of the mixture's component.
  double temperature = 1;
  // Of models that draw any size, 1..2048 pixels each; 0: the model's usual size. Others draw their
  // own.
  std::uint32_t width = 0, height = 0;
  // Of models with residual stages: how many are drawn; 0: all. Fewer are coarser.
  int stages = 0;
  // Of models with prompts: what the picture shows; empty: anything.
  std::string prompt;
  // Of models with classes: the name of one, in any case; empty: anything.
  std::string label;
  // Of models with prompts or classes: only the top_k likeliest indices (0: all), and of these only
  // the likeliest that together have probability top_p, in (0, 1].
  int top_k = 0;
  double top_p = 1;
  // 0..20: how much a prompt or class counts; above 1 what it makes likelier is made likelier still
  // ("classifier-free guidance", Ho and Salimans 2022), at twice the work.
  double guidance = 1;
  // Called with the share that is done, 0..1, by models that take their time. May be empty.
  std::function<void(double)> progress;
  // First picture: a request for pictures 0..7 equals requests for 0..3 and 4..7.
  std::uint64_t first = 0;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// Where a picture lies in a continuous latent space: a normal distribution per dimension.
struct LatentPosterior {
  std::vector<float> mean;
  std::vector<float> sigma;  // standard deviation; 0 for models that have none
  double kl_bits = 0;        // KL(posterior || N(0, I)) in bits
};

// What a model made of a prompt.
struct PromptReport {
  std::vector<std::string> unknown;   // words it never saw
  std::vector<std::string> left_out;  // words beyond those it takes
};

// What a model is fed and returns.
struct GeneratorInfo {
  std::string name, architecture;
  PictureShape picture;              // of what it draws, unless a request says otherwise
  bool any_size = false;             // whether a request may
  int stages = 0;                    // residual stages; 0: it has none
  bool prompts = false;              // whether a request may have a prompt
  std::vector<std::string> classes;  // of which a request may name one
  std::size_t latent_size = 0;       // numbers of a continuous code; 0: it has none
};

// Thread-safety: one call at a time per object.
class Generator {
 public:
  // Loads the model. Errors: kInvalidArgument (the model has no generative mode; those that have
  // are listed), kModelMissing, kModelMismatch, kModelCorrupt, kIo.
  static Result<Generator> Create(const GeneratorOptions& options);

  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  const GeneratorInfo& info() const;

  // New pictures. The same seed gives the same pictures with the same build.
  Result<std::vector<Image>> Sample(const SampleRequest& request);

  // Errors: kUnsupportedFeature unless info().prompts.
  Result<PromptReport> ReadPrompt(const std::string& prompt) const;

  // The first picture of a request as a .hmn file, which decodes to what Sample draws.
  // Errors: kUnsupportedFeature for models whose samples are not in their own symbols (VAE).
  Result<std::vector<std::uint8_t>> SampleFile(const SampleRequest& request);

  // --- Models with a continuous code (VAE); kUnsupportedFeature for others -----------------------

  // The code that Sample draws for picture `index` of a seed, at temperature 1.
  Result<std::vector<float>> DrawCode(std::uint64_t seed, std::uint64_t index = 0);
  // Where a picture lies. Errors: kInvalidArgument unless it has the shape of info().picture.
  Result<LatentPosterior> Encode(const ImageView& picture);
  // The code in a .hmn file of this very model. Errors: those of reading it; kModelMismatch when it
  // was made with another one.
  Result<std::vector<float>> ReadCode(std::span<const std::uint8_t> file);
  // The picture of each code. REQUIRES: every code has latent_size numbers.
  Result<std::vector<Image>> Decode(const std::vector<std::vector<float>>& codes);

 private:
  struct Impl;
  explicit Generator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// --- Paths between codes ---------------------------------------------------------------------

// `steps` codes from a to b, both included, on the straight line. REQUIRES: the same size, steps
// >= 2.
std::vector<std::vector<float>> StraightPath(const std::vector<float>& a,
                                             const std::vector<float>& b, int steps);
// The same on the arc of a great circle, with the length going from |a| to |b| (Shoemake 1985;
// White 2016): in many dimensions the middle of the straight line lies nearer to the origin than
// any sample.
std::vector<std::vector<float>> SphericalPath(const std::vector<float>& a,
                                              const std::vector<float>& b, int steps);

}  // namespace halfmoon
