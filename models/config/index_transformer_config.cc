#include "models/config/index_transformer_config.h"

namespace halfmoon {

void IndexTransformerConfig::VisitFields(FieldVisitor& f) {
  f.Whole("codes", codes, 2, 65536);
  f.Whole("indices", indices, 1, 4096);
  f.Whole("words", words, 2, 65536);
  f.Whole("condition", condition, 1, 256);
  f.Whole("width", width, 8, 2048);
  f.Whole("heads", heads, 1, 64);
  f.Whole("layers", layers, 1, 64);
  f.Real("dropout", dropout, 0, 1);
}

Status IndexTransformerConfig::Rules() const {
  if (width % heads != 0)
    return {StatusCode::kInvalidArgument, "model field 'width' must be a multiple of 'heads'"};
  if (dropout == 1)
    return {StatusCode::kInvalidArgument, "model field 'dropout' must be 0 to 1, 1 excluded"};
  return Status::Ok();
}

}  // namespace halfmoon
