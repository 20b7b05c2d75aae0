// Tag lists of strangers: what is read is what stands there, and names are unique.
#include "core/mailauth/tag_list.h"

#include <set>

#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(tag_list) {
  const auto list = mailauth::TagList::parse(data);
  if (!list.ok()) return;
  std::set<std::string_view> names;
  for (const mailauth::Tag& tag : list->tags()) {
    ESSAIM_CHECK(names.insert(tag.name).second && list->find(tag.name) == tag.value);
    ESSAIM_CHECK(tag.value.find_first_of(std::string_view(";\0", 2)) == std::string_view::npos);
  }
  ESSAIM_CHECK(names.size() <= mailauth::kMaxTags);
}
