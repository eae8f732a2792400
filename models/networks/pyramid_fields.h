// The pyramid's part of a configuration: from strings and back, for every model that is built on
// one. LibTorch (through picture_pyramid.h).
#pragma once

#include <map>
#include <string>

#include "models/networks/config_fields.h"
#include "models/networks/picture_pyramid.h"

namespace halfmoon::networks {

// Overwrites what `fields` has of channels, side, widths, blocks and attention. Errors:
// kInvalidArgument naming the field; ranges are PyramidConfig::Validate's business.
inline Status ReadPyramidFields(const std::map<std::string, std::string>& fields,
                                PyramidConfig* p) {
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "channels", &p->channels));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "side", &p->side));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "blocks", &p->blocks));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "attention", &p->attention));
  if (const auto it = fields.find("widths"); it != fields.end()) {
    HALFMOON_ASSIGN_OR_RETURN(p->widths, ParseWidths(it->second));
  }
  return Status::Ok();
}

// `own`, the model's further fields, with those of its pyramid.
inline std::map<std::string, std::string> WithPyramidFields(
    const PyramidConfig& p, std::map<std::string, std::string> own) {
  own["channels"] = std::to_string(p.channels);
  own["side"] = std::to_string(p.side);
  own["widths"] = WidthsText(p.widths);
  own["blocks"] = std::to_string(p.blocks);
  own["attention"] = p.attention ? "1" : "0";
  return own;
}

}  // namespace halfmoon::networks
