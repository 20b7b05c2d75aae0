// Tag lists, "name=value; name=value" (RFC 6376 §3.2): the form of signatures, key records, DMARC records and ARC
// fields.
//
//   tag-list  =  tag-spec *( ";" tag-spec ) [ ";" ]
//   tag-spec  =  [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
//   tag-name  =  ALPHA *ALNUMPUNC
//   tag-value =  [ tval *( 1*(WSP / FWS) tval ) ]           ; no ";", white space around it is not part of it
//
// Views point into the text that was parsed. kInvalid: a name twice, a name that is none, a part without "=", octets
// that no value may have, more than kMaxTags. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::mailauth {

inline constexpr std::size_t kMaxTags = 64;

struct Tag {
  std::string_view name;
  std::string_view value;  // with the folding inside
};

class TagList {
 public:
  static Result<TagList> parse(std::string_view text);
  std::optional<std::string_view> find(std::string_view name) const;
  const std::vector<Tag>& tags() const { return tags_; }

 private:
  std::vector<Tag> tags_;
};

// All white space of folding taken away: for base 64, names and lists in values.
std::string without_white_space(std::string_view value);
// The parts of a list in a value ("from:to:date"), white space taken away; empty parts are left out.
std::vector<std::string> list_value(std::string_view value, char separator = ':');
// Base 64 with folding inside.
std::optional<std::string> folded_base64_decoded(std::string_view value);

}  // namespace essaim::mailauth
