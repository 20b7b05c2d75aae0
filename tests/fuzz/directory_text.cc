// Domains, lists and members as text, and files of members: what is written is read the same.
#include "lists/directory_text.h"

#include <sstream>

#include "lists/directory_plan.h"
#include "tests/fuzz/target.h"

using namespace essaim;

namespace {

std::string written(const lists::DirectoryText& directory) {
  const lists::ReadPeople those_here = [&directory](const std::string& list, storage::Role role,
                                                    const lists::TakePerson& take) -> Result<void> {
    for (const auto& [key, person] : directory.lists.at(list).people.at(role)) ESSAIM_TRY(take(person));
    return {};
  };
  std::string out;
  const auto ended =
      lists::write_directory(directory, those_here, [&out](std::string_view text) -> Result<void> {
        out += text;
        return {};
      });
  ESSAIM_CHECK(ended.ok());
  return out;
}

}  // namespace

ESSAIM_FUZZ_TARGET(directory_text) {
  if (data.size() > 20'000) return;
  if (const auto directory = lists::read_directory(std::string(data)); directory.ok()) {
    const std::string text = written(*directory);
    const auto again = lists::read_directory(text);
    ESSAIM_CHECK(again.ok() && written(*again) == text);
    ESSAIM_CHECK(lists::plan_directory(*directory, *again, true).lines.empty());
  }
  std::istringstream in{std::string(data)};
  const lists::MemberLines lines = lists::read_member_lines(in);
  for (const lists::NewMember& member : lines.members) {
    const lists::PersonText person{member.address, member.name, storage::Reception::kEach};
    const auto again = lists::parse_person(lists::person_line(person));
    ESSAIM_CHECK(again.ok() && *again == person);
  }
}
