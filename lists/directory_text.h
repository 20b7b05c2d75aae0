// Domains, lists and members as text, and the way back: what Admin's export and apply are made of. Internal
// to lists/.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "lists/admin.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

// Adds who is not there yet, under the list's next revision. (A revision without a change harms nobody: a
// post that is being decided looks once more who its author is.)
Result<AddedMembers> add_to_list(storage::Connection& connection, IdGenerator& ids, WallTime now, Id list_id,
                                 storage::Role role, const std::vector<NewMember>& members);
// Whether they were there. Who leaves as a member leaves a row of how and when behind (departure_store.h). *revision is
// that of the change; 0: the list's next one, which is then put there.
struct Removal {
  std::string how, client;
  WallTime now{};
};
Result<bool> remove_from_list(storage::Connection& connection, const storage::ListRecord& list,
                              storage::Role role, const smtp::Address& who, const Removal& removal,
                              std::int64_t* revision);

// A person in a list, as text: what stands in a line and what is compared.
struct PersonText {
  smtp::Address address;
  std::string name;
  storage::Reception reception = storage::Reception::kEach;
  MemberOptions options{};  // what is not said stays as it is
  friend bool operator==(const PersonText&, const PersonText&) = default;
};
// Keyed by domain, then local part in lower case, as the store reads them.
using People = std::map<std::pair<std::string, std::string>, PersonText>;

struct ListText {
  Settings settings;
  bool closed = false;
  // Addresses that it had before and gets mail by. Nothing: nothing is said of them.
  std::optional<std::set<std::string>> former;
  std::map<storage::Role, People> people;  // of a role that is not here, nothing is said
};
struct DirectoryText {
  std::map<std::string, Settings> domains;
  std::map<std::string, ListText> lists;  // by address
};

// "Name <a@b>" or "a@b", and behind it in brackets what is said of it, as " (off, concealed, privileged, fr)": no delivery, or how a
// member has posts (storage/reception.h);
// not shown to others, or "shown"; of an owner "privileged" or "unprivileged"; the language. Without "off" delivery is on.
// Where nothing is said of the others they stay; whoever is new is shown, in the list's language, and as an owner of a
// new list privileged.
std::string person_line(const PersonText& person);
Result<PersonText> parse_person(std::string_view line);

// Some at a time, with people who are read meanwhile: the roles of a list are those of `directory`, and `read` gives
// whoever is in one, in the order of People. Ends at the first error of the two.
using TakePerson = std::function<Result<void>(const PersonText&)>;
using ReadPeople = std::function<Result<void>(const std::string& list, storage::Role, const TakePerson&)>;
using WriteText = std::function<Result<void>(std::string_view)>;
Result<void> write_directory(const DirectoryText& directory, const ReadPeople& read, const WriteText& write);
// All mistakes at once, each with its line where it has one.
Result<DirectoryText> read_directory(const std::string& text);

// What the database has, with the members of those lists that `only` names.
Result<DirectoryText> load_directory(storage::Connection& connection, const DirectoryText& only);

}  // namespace essaim::lists
