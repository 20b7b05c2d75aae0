// What a header says about automatic mail and mail that goes round: look-ups only, the rules of lists/
// decide.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/header_block.h"

namespace essaim::mail {

struct LoopMarks {
  std::size_t received = 0;           // Received fields: the hop count (RFC 5321 §6.3)
  std::vector<std::string> list_ids;  // of all List-Id fields, as list_id_of() gives them
  std::vector<std::string> x_loop;    // values of X-Loop, lower case
  bool auto_submitted = false;        // Auto-Submitted with anything but "no" (RFC 3834 §5)
  bool precedence_bulk = false;       // Precedence: bulk, junk or list

  bool has_list_id(std::string_view id) const;  // ignoring case
  bool has_x_loop(std::string_view value) const;
  // Such mail is never answered automatically (RFC 3834 §2).
  bool automatic() const { return auto_submitted || precedence_bulk || !list_ids.empty(); }
};

// The identifier of a List-Id field (RFC 2919 §3), lower case; without brackets all of it; may be empty.
std::string list_id_of(const HeaderField& field);

LoopMarks loop_marks(const HeaderBlock& header);

}  // namespace essaim::mail
