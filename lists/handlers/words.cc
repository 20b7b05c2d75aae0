// Header and footer: words of the list over and under the author's.
#include "core/mail/mime_footer.h"
#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {
namespace {

Result<void> put(Draft& draft, const std::string& text, const std::string& html, mail::FooterPlace place) {
  // What is wrapped stays whole.
  if (text.empty() || draft.treatment == Treatment::kWrap) return {};
  mail::Footer words{.text = text, .html = html, .place = place};
  if (draft.target.settings.words_as_part) words.style = mail::FooterStyle::kMime;
  mail::FooterResult result = mail::add_footer(&draft.header, draft.body, words);
  if (!result.changed()) return {};
  draft.new_body = std::move(result.body);
  draft.body = draft.new_body;
  return {};
}

}  // namespace

Result<void> header_words(Draft& draft) {
  const ListSettings& settings = draft.target.settings;
  return put(draft, settings.header, settings.header_html, mail::FooterPlace::kHeader);
}

Result<void> footer_words(Draft& draft) {
  const ListSettings& settings = draft.target.settings;
  return put(draft, settings.footer, settings.footer_html, mail::FooterPlace::kFooter);
}

}  // namespace essaim::lists::handlers
