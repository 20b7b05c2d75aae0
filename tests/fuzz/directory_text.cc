// Domains, lists and members as text, and files of members: what is written is read the same.
#include "lists/directory_text.h"

#include <sstream>

#include "lists/directory_plan.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(directory_text) {
  if (data.size() > 20'000) return;
  if (const auto directory = lists::read_directory(std::string(data)); directory.ok()) {
    const std::string written = lists::write_directory(*directory);
    const auto again = lists::read_directory(written);
    ESSAIM_CHECK(again.ok() && lists::write_directory(*again) == written);
    ESSAIM_CHECK(lists::plan_directory(*directory, *again, true).lines.empty());
  }
  std::istringstream in{std::string(data)};
  const lists::MemberLines lines = lists::read_member_lines(in);
  for (const lists::NewMember& member : lines.members) {
    const lists::PersonText person{member.address, member.name, true};
    const auto again = lists::parse_person(lists::person_line(person));
    ESSAIM_CHECK(again.ok() && *again == person);
  }
}
