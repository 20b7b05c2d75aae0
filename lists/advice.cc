#include "lists/advice.h"

#include "core/base/text.h"
#include "lists/refusal.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kRoom =
    490;  // octets of a line, which begins with "550 5.7.2 " and ends with CR LF: 512

}  // namespace

smtp::Reply advised_refusal(int code, std::string_view enhanced, const std::string& words,
                            const std::string& advice, const storage::ListRecord& list,
                            std::string_view rule) {
  const std::string whom =
      "; questions: " + (list.id == 0 ? "listmaster@" + list.domain : list.local + "-owner@" + list.domain);
  const std::size_t taken = words.size() + rule.size() + std::string_view(" [rule: ]").size();
  std::string text = words;
  if (!advice.empty() && taken + whom.size() + advice.size() + 2 <= kRoom) text += "; " + advice;
  if (taken + (text.size() - words.size()) + whom.size() <= kRoom) text += whom;
  return refusal(code, enhanced, text, rule);
}

std::string advice_for(std::string_view reason, const storage::ListRecord& list, bool nobody_subscribes,
                       const std::string& author) {
  if (reason == "send_multipart") return "send it as plain text without attachments";
  if (reason == "send_bcc") return "put " + list.address() + " into To";
  if (reason != "send_subscriber") return "";
  std::string out = "write from the address that is a member";
  if (!author.empty() && is_ascii(author)) out += ", not from " + escaped_for_display(author, 100);
  if (!nobody_subscribes) out += ", or join by " + list.local + "-subscribe@" + list.domain;
  return out;
}

}  // namespace essaim::lists
