#include "smtpd/session/counts.h"

#include "core/base/text.h"

namespace essaim::smtpd {
namespace {

void append(std::string_view name, const SessionCounts::Count& count, std::string* out) {
  if (count.tried == 0) return;
  if (!out->empty()) out->push_back(' ');
  *out += std::string(name) + "=" + std::to_string(count.done);
  if (count.done != count.tried) *out += "/" + std::to_string(count.tried);
}

}  // namespace

std::string SessionCounts::to_string() const {
  std::string out;
  Count all;
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    append(ascii_lowered(smtp::to_string(static_cast<smtp::Verb>(i))), verbs[i], &out);
    all.done += verbs[i].done;
    all.tried += verbs[i].tried;
  }
  append("commands", all, &out);
  return out;
}

}  // namespace essaim::smtpd
