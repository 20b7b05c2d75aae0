// What a filter wants changed in a header, and the message with it. A filter is the operator's, but what it writes may quote a
// stranger's words: no value ends its field early, and nothing that is no field is written. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::smtpd {

struct HeaderChange {
  enum class Kind { kAdd, kInsert, kChange };
  Kind kind = Kind::kAdd;
  // kInsert: before so many fields, counted from the top; past the last one at the end. kChange: the field of this name with this number,
  // from one on; one that is not there is added.
  std::uint32_t index = 0;
  std::string name;
  std::string value;           // lines end with LF or CRLF. kChange: "" removes the field
  bool has_own_space = false;  // the value brings what stands behind the colon
};

// "Name: value CRLF". kInvalid: the name is none, the value has a NUL or a line of more than 998 octets.
Result<std::string> field_of(const HeaderChange& change);

struct ChangedMessage {
  std::string content;
  std::vector<std::string> left_out;  // why, for changes that are not to be done
  // Where each field of before stands now; nothing: it is gone, or has another value.
  std::vector<std::optional<std::size_t>> places;
};
// In their order. `body`: another one, or null. kInvalid: `content` is no message, or would not be one afterwards.
Result<ChangedMessage> changed(std::string_view content, const std::vector<HeaderChange>& changes,
                               const std::string* body);

}  // namespace essaim::smtpd
