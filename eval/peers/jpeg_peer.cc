// JPEG by libjpeg-turbo. Decoding is codec/imageio's, which is libjpeg-turbo, too.
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
// clang-format off: jpeglib.h needs stdio's FILE before it.
#include <jpeglib.h>
// clang-format on

#include "codec/imageio/image_io.h"
#include "eval/peers/adapters.h"

namespace halfmoon::eval {
namespace {

struct JpegSettings {
  int quality = 75;
  bool progressive = false, optimised = false, full_chroma = false;
};

// All state that must outlive a longjmp; see codec/imageio/c_boundary.h for the pattern.
struct EncodeState {
  jpeg_compress_struct compress;
  jpeg_error_mgr errors;
  std::jmp_buf leave;
  char message[JMSG_LENGTH_MAX];
  unsigned char* bytes;
  unsigned long size;
};

void LeaveOnError(j_common_ptr common) {
  auto* state = static_cast<EncodeState*>(common->client_data);
  common->err->format_message(common, state->message);
  std::longjmp(state->leave, 1);
}

void IgnoreMessage(j_common_ptr) {}

// False when libjpeg reported an error, which is then in `state->message`.
bool Compress(const RgbPicture& picture, const JpegSettings& settings, EncodeState* state) {
  if (setjmp(state->leave) != 0) return false;
  jpeg_compress_struct* c = &state->compress;
  c->err = jpeg_std_error(&state->errors);
  c->err->error_exit = LeaveOnError;
  c->err->output_message = IgnoreMessage;
  c->client_data = state;
  jpeg_create_compress(c);
  c->client_data = state;  // cleared by the creation
  jpeg_mem_dest(c, &state->bytes, &state->size);
  c->image_width = picture.width();
  c->image_height = picture.height();
  c->input_components = 3;
  c->in_color_space = JCS_RGB;
  jpeg_set_defaults(c);
  jpeg_set_quality(c, settings.quality, TRUE);
  c->optimize_coding = settings.optimised ? TRUE : FALSE;
  if (settings.full_chroma) {
    c->comp_info[0].h_samp_factor = 1;
    c->comp_info[0].v_samp_factor = 1;
  }
  if (settings.progressive) jpeg_simple_progression(c);
  jpeg_start_compress(c, TRUE);
  while (c->next_scanline < c->image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(picture.row(c->next_scanline));
    jpeg_write_scanlines(c, &row, 1);
  }
  jpeg_finish_compress(c);
  return true;
}

class JpegPeer : public Peer {
 public:
  explicit JpegPeer(const JpegSettings& settings) : settings_(settings) {
    info_.adapter = "jpeg";
    info_.description = std::string("JPEG, libjpeg-turbo, ") +
                        (settings.full_chroma ? "4:4:4" : "4:2:0") +
                        (settings.progressive ? ", progressive"
                         : settings.optimised ? ", optimised tables"
                                              : "");
#define HALFMOON_TEXT(x) #x
#define HALFMOON_TEXT_OF(x) HALFMOON_TEXT(x)
    info_.version = "libjpeg-turbo " HALFMOON_TEXT_OF(LIBJPEG_TURBO_VERSION);
    info_.extension = ".jpg";
    info_.browsers_show = true;
    info_.lowest = 1;
    info_.whole = true;
    info_.ladder = {5, 10, 30, 67, 90};
  }

  Result<std::vector<std::uint8_t>> Encode(const RgbPicture& picture, double quality) override {
    JpegSettings settings = settings_;
    settings.quality = static_cast<int>(std::lround(quality));
    const auto state = std::make_unique<EncodeState>();
    const bool done = Compress(picture, settings, state.get());
    std::vector<std::uint8_t> file;
    if (done) file.assign(state->bytes, state->bytes + state->size);
    jpeg_destroy_compress(&state->compress);
    std::free(state->bytes);
    if (!done)
      return Status(StatusCode::kUnsupportedFeature, std::string("jpeg: ") + state->message);
    return file;
  }

  Result<RgbPicture> Decode(std::span<const std::uint8_t> file) override {
    HALFMOON_ASSIGN_OR_RETURN(Image image, ReadImage(file));
    return RgbPicture::From(std::move(image));
  }

 private:
  JpegSettings settings_;
};

}  // namespace

std::vector<OptionRule> JpegRules() {
  return {{"yuv", "420|444", "420"}, {"optimised", "", ""}, {"progressive", "", ""}};
}

PeerOrError MakeJpegPeer(const PeerOptions& options, const PeerSettings&) {
  JpegSettings settings;
  settings.full_chroma = options.Text("yuv") == "444";
  settings.optimised = options.Has("optimised");
  settings.progressive = options.Has("progressive");
  return std::unique_ptr<Peer>(std::make_unique<JpegPeer>(settings));
}

}  // namespace halfmoon::eval
