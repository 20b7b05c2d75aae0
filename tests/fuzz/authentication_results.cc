// Fields of strangers, and what we write with their words: it is read back as it was meant.
#include "core/mailauth/authentication_results.h"

#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(authentication_results) {
  if (const auto results = mailauth::parse_results(data); results.ok())
    ESSAIM_CHECK(mailauth::claims_to_be_of(data, results->authserv_id));
  const std::string words(data.substr(0, 2'000));
  const mailauth::AuthenticationResults ours{
      "mx.example.org",
      {{"spf", "fail", words, {{"smtp.mailfrom", words.empty() ? "x" : words}}}, {"dkim", "pass", "", {}}}};
  const std::string text = mailauth::format_results(ours);
  for (std::size_t at = 0; (at = text.find("\r\n", at)) != std::string::npos; at += 2)
    ESSAIM_CHECK(text[at + 2] == '\t');
  const auto again = mailauth::parse_results(text);
  ESSAIM_CHECK(again.ok() && again->results.size() == 2 && again->authserv_id == "mx.example.org");
  ESSAIM_CHECK(again->results[0].properties.size() == 1);
}
