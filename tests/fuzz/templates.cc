// Templates as sites and owners write them: an error that says what is wrong, or text in which no value is markup.
#include "core/base/text.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/mustache.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(templates) {
  const std::map<std::string, std::string> values = {
      {"list", "dev@lists.example"}, {"email", "<b>&\"'{{list}}"}, {"reason", ""}};
  const auto text = lists::fill(data, values);
  const auto html = lists::fill_html(data, values);
  ESSAIM_CHECK(text.ok() == html.ok());
  if (lists::check_template(data, {"list", "email", "reason"}).ok()) ESSAIM_CHECK(text.ok());
  if (text.ok()) {
    ESSAIM_CHECK(is_valid_utf8(*text) && text->size() <= 4 * data.size());
    const bool unescaped =
        data.find('<') != data.npos || data.find('&') != data.npos || data.find("{{{") != data.npos;
    if (!unescaped) ESSAIM_CHECK(html->find('<') == std::string::npos);
  } else {
    ESSAIM_CHECK(!text.error().message.empty());
  }
  const std::string language = lists::language_of(data);
  ESSAIM_CHECK(language.empty() || lists::is_language(language));
}
