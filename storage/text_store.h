// Texts that sites write: scenarios, search filters, templates of service messages; of a list, a domain or the whole
// site. The nearest wins: list, then domain, then site. Every change gives the lists that may see it a new `policy` mark
// (ListRecord), so that whoever keeps compiled forms knows by the list's record alone whether they still hold, on every
// node. Functions run inside the caller's transaction.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

enum class TextKind : int { kScenario = 0, kFilter = 1, kTemplate = 2 };

struct TextRecord {
  Id owner = 0;  // a list, a domain, or 0 for the site
  TextKind kind = TextKind::kScenario;
  std::string name;  // "send.mine", "include.x", "blocklist.txt", "welcome.fr"
  std::string text;
  WallTime changed{};
  std::string by;  // who changed it
};

// Where a text is looked for. Zeros are passed over, but the site is always asked.
struct TextScope {
  Id list_id = 0;
  Id domain_id = 0;
};

class TextStore {
 public:
  explicit TextStore(Connection& connection) : connection_(connection) {}

  Result<void> set(const TextRecord& text, const TextScope& scope);  // replaces
  // False: there was none.
  Result<bool> remove(Id owner, TextKind kind, const std::string& name, const TextScope& scope);
  Result<std::optional<TextRecord>> find(Id owner, TextKind kind, const std::string& name);
  Result<std::optional<TextRecord>> nearest(TextKind kind, const std::string& name, const TextScope& scope);
  // Of all levels, the nearest first: filters are the sum of theirs.
  Result<std::vector<TextRecord>> of_all_levels(TextKind kind, const std::string& name,
                                                const TextScope& scope);
  // Of all places, by owner, kind and name. One after the other: there may be thousands, of some kilobytes each.
  Result<void> for_each(const std::function<void(const TextRecord&)>& each);
  // Without their texts, by name, the nearest first.
  Result<std::vector<TextRecord>> names(TextKind kind, const TextScope& scope);
  // Without their texts, of all owners: those whose texts have the word in them.
  Result<std::vector<TextRecord>> with_word(TextKind kind, const std::string& word);

 private:
  Result<void> mark(const TextScope& scope);
  Connection& connection_;
};

}  // namespace essaim::storage
