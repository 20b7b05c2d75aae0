// What the operator asks for: domains, lists, members. What is asked of a list is a request like everybody's
// (requests/request.h), allowed and logged as such. Each is one transaction unless it says otherwise, blocks on the
// database, and says whether it changed anything: asking twice is no mistake. Names and settings are checked
// before anything is written; errors say what is wrong and what to do. Thread-safe as Database is; used by
// the command line beside a running server (which reads lists and members from the database at every message,
// so nothing has to be told to it).
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "core/smtp/address.h"
#include "lists/list_end.h"
#include "lists/services.h"
#include "lists/settings.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct Renaming;
struct Request;
struct Response;

enum class Change { kDone, kAlready };

using Settings = std::map<std::string, std::string>;
using SettingChanges = std::map<std::string, std::optional<std::string>>;  // nothing: back to the default

struct DomainInfo {
  storage::DomainRecord domain;
  std::size_t lists = 0;
};
struct ListInfo {
  storage::ListRecord list;
  std::int64_t members = 0, owners = 0, editors = 0;
  std::vector<std::string> former;  // addresses that it had before, and gets mail by
};

struct NewMember {
  smtp::Address address;
  std::string name;
};
struct MemberLines {
  std::vector<NewMember> members;
  std::vector<std::string> errors;  // "line 3: 'x@' is not an address: ..."
};
// One per line: `address`, or `Name <address>`, or `"Name" <address>`; empty lines and those that begin with
// # are skipped.
Result<NewMember> parse_member_line(std::string_view line);
// The same of those who may be members already: also whom wrong_with_new_member() would refuse.
Result<NewMember> read_member_line(std::string_view line);
std::string wrong_with_new_member(const smtp::Address& address);  // "" if nothing is
// The first character before the @ that nobody sees, as "U+200B"; "" if there is none.
std::string unseen_in(const smtp::Address& address);
enum class Known { kNo, kPerhaps };  // whether they may be members already
MemberLines read_member_lines(std::istream& in, Known known = Known::kNo);

// What is given is changed.
struct MemberOptions {
  std::optional<bool> conceal, privileged;
  std::optional<std::string> language;
  friend bool operator==(const MemberOptions&, const MemberOptions&) = default;
};

struct AddedMembers {
  std::int64_t added = 0;
  std::int64_t already = 0;  // were members in this role; also what came twice
};

struct RemovedMembers {
  std::int64_t removed = 0;
  std::vector<smtp::Address> none;  // were none in this role; also what came twice
};

struct ApplyPlan {
  std::vector<std::string> lines;  // "+ list dev@x", "~ list dev@x: footer ...", "- member dev@x a@b"
  bool applied = false;
  Dropped dropped;  // what waited on lists that went
};

class Admin {
 public:
  // `ids` must not be those of a running node: the command line has a node number of its own. `site` names it in what is
  // written to people.
  Admin(storage::Database& database, const Clock& clock, IdGenerator& ids, Site site);
  // Asked before each transaction of add_members(), remove_members() and apply_text(): whether to end there, which is kCancelled
  // and says how far it came.
  void end_when(std::function<bool()> asked) { asked_to_end_ = std::move(asked); }

  Result<Change> create_domain(const std::string& name);
  Result<std::vector<storage::DomainRecord>> domains();
  Result<DomainInfo> show_domain(const std::string& name);
  Result<Change> set_domain(const std::string& name, const SettingChanges& changes);
  // kNotFound: there is none. kConflict: it has lists.
  Result<Change> delete_domain(const std::string& name);
  // Of a domain; "": of the site.
  Result<Change> add_listmaster(const std::string& domain, const smtp::Address& address);
  Result<Change> remove_listmaster(const std::string& domain, const smtp::Address& address);

  Result<Change> create_list(const std::string& address, const std::vector<NewMember>& owners,
                             const Settings& settings = {});
  Result<std::vector<storage::ListRecord>> lists(const std::string& domain = "");
  Result<ListInfo> show_list(const std::string& address);
  // The list that is called so, or else the one that was before it was renamed. For what goes by names of then: logs, and posts,
  // which keep the name that they were accepted under.
  Result<storage::ListRecord> list_by_any_name(const std::string& address);
  Result<Change> set_list(const std::string& address, const SettingChanges& changes);
  // `to` as in Request; *what is told also where nothing is changed. kConflict: it cannot be called so, and why.
  Result<Change> rename_list(const std::string& address, const std::string& to, bool dry_run, Renaming* what);
  // Mail to a name that a list had before is refused from now on. kNotFound: none had it; kConflict: a list is called so.
  Result<Change> forget_name(const std::string& address);
  Result<Change> open_list(const std::string& address);
  Result<Change> close_list(const std::string& address);
  // Who waits for an answer there is told, unless `quiet` (list_end.h); gives what it was. kNotFound: there is no such list.
  Result<Dropped> delete_list(const std::string& address, bool quiet = false);

  // Many in several transactions; the error says how many are added, and asking again adds the rest.
  Result<AddedMembers> add_members(const std::string& list, storage::Role role,
                                   const std::vector<NewMember>& members);
  Result<Change> remove_member(const std::string& list, storage::Role role, const smtp::Address& member);
  // Likewise, kRemovedTogether in a transaction. Each is logged, as `member remove-left` (smtpd/cli) reads who they were.
  static constexpr std::size_t kRemovedTogether = 100;
  Result<RemovedMembers> remove_members(const std::string& list, storage::Role role,
                                        const std::vector<NewMember>& members);
  Result<Change> set_member(const std::string& list, storage::Role role, const smtp::Address& member,
                            std::optional<storage::Reception> reception, std::optional<std::string> name,
                            const MemberOptions& options = {});
  // In key order; stops when `each` gives false. Read so many at once, and `each` called between two transactions: it
  // may wait for as long as whoever reads what it prints does. Who comes or goes meanwhile is told or not.
  static constexpr std::size_t kMembersAtOnce = 1000;
  Result<void> for_each_member(const std::string& list, storage::Role role,
                               const std::function<bool(const storage::MemberRecord&)>& each);

  // Domains, lists and members as TOML text, complete and in a fixed order, so that two exports can be
  // compared. Domains and lists are as they are at its beginning; members are read and written as for_each_member() does it,
  // some tens of KB of text at a time. Ends at the first error of `write`, and gives it.
  Result<void> export_text(const std::function<Result<void>(std::string_view)>& write);
  Result<std::string> export_text();  // the whole: hundreds of MB for millions of members
  // Makes domains, lists and members what the text says: creates, changes and removes, members of the lists
  // it names included. Domains and lists that the text does not name are left alone unless `remove_others`. A long text takes
  // several transactions: domains and lists, then people, then what goes; the error says how far it came, and asking again
  // does the rest.
  // `quiet` as in delete_list().
  Result<ApplyPlan> apply_text(const std::string& text, bool dry_run, bool remove_others = false,
                               bool quiet = false);

 private:
  // As the operator.
  Result<Response> carry_out(storage::Connection& connection, Request request);
  Result<Response> ask_list(const std::string& name, Request request);
  enum class Missing { kIsAnError, kIsMade, kIsGone };  // what it means that there is no such domain
  // "": of the site.
  Result<Change> ask_domain(const std::string& name, Request request, Missing missing);
  Result<Change> ask_for_change(const std::string& list, Request request);
  // Those who are left of a list that was deleted meanwhile, too.
  Result<void> for_each_member_of(Id list, storage::Role role,
                                  const std::function<bool(const storage::MemberRecord&)>& each);

  storage::Database& database_;
  const Clock& clock_;
  IdGenerator& ids_;
  Policies policies_;
  Services services_;
  std::function<bool()> asked_to_end_ = [] { return false; };
};

// "member", "owner", "editor"
const char* to_string(storage::Role role);
Result<storage::Role> parse_role(const std::string& text);

// Why a name cannot be a list's local part; "" if it can. Names end in none of the suffixes and begin with
// none of the prefixes that mean something else (recipients.h), and leave room for "-unsubscribe" and what
// VERP adds.
std::string wrong_with_list_name(const std::string& local);
// The part of it that holds for the command robot, too: who has the name already, in whatever domain; "": nobody.
std::string taken_by_the_site(const std::string& local);

}  // namespace essaim::lists
