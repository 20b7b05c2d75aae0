// Short words of ours in answers: translated by the catalogues, with {{variables}}. Only what stands in the table may be
// said, so that every phrase gets translated. And the reasons that rules name. Constant tables.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::lists {

using Values = std::map<std::string, std::string>;

const std::vector<std::string_view>& phrases();

struct Reason {
  std::string_view key;  // as in reject(reason='send_subscriber')
  std::string_view text;
};
const std::vector<Reason>& reasons();

bool is_reason(std::string_view key);  // or what Sympa calls one of them

// The phrase in the language, filled. Aborts if it is not in the table.
std::string phrase(std::string_view language, std::string_view english, const Values& values = {});
// A key's words in the language; what is no key stands for itself; "" gives "no rule allows it".
std::string reason_text(std::string_view language, std::string_view key);

}  // namespace essaim::lists
