#include "core/mail/loop.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mail {
namespace {

std::string first_word(const std::string& value) {
  return ascii_lowered(trimmed(std::string_view(value).substr(0, value.find_first_of(" \t;("))));
}

}  // namespace

std::string list_id_of(const HeaderField& field) {
  const std::string value = field.value();
  const std::size_t close = value.rfind('>');
  const std::size_t open = close == std::string::npos ? std::string::npos : value.rfind('<', close);
  if (open == std::string::npos) return ascii_lowered(trimmed(value));
  return ascii_lowered(trimmed(std::string_view(value).substr(open + 1, close - open - 1)));
}

bool LoopMarks::has_list_id(std::string_view id) const {
  return std::find(list_ids.begin(), list_ids.end(), ascii_lowered(id)) != list_ids.end();
}

bool LoopMarks::has_x_loop(std::string_view value) const {
  return std::find(x_loop.begin(), x_loop.end(), ascii_lowered(value)) != x_loop.end();
}

LoopMarks loop_marks(const HeaderBlock& header) {
  LoopMarks marks;
  for (const HeaderField& field : header.fields()) {
    if (field.is("Received")) {
      ++marks.received;
    } else if (field.is("List-Id")) {
      marks.list_ids.push_back(list_id_of(field));
    } else if (field.is("X-Loop")) {
      marks.x_loop.push_back(ascii_lowered(field.value()));
    } else if (field.is("Auto-Submitted")) {
      const std::string word = first_word(field.value());
      marks.auto_submitted = marks.auto_submitted || (!word.empty() && word != "no");
    } else if (field.is("Precedence")) {
      const std::string word = first_word(field.value());
      marks.precedence_bulk = marks.precedence_bulk || word == "bulk" || word == "junk" || word == "list";
    }
  }
  return marks;
}

}  // namespace essaim::mail
