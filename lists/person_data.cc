#include "lists/person_data.h"

#include <cctype>
#include <map>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/text_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::Database;
using storage::HeldRecord;
using storage::is_address_of;

constexpr std::size_t kMostMemberships = 1'000'000;

bool is_of_address(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return octet >= 0x80 || std::isalnum(octet) != 0 || c == '.' || c == '_' || c == '-' || c == '+' ||
         c == '@';
}

// Whether the address stands in the text, and not as a piece of a longer one. A dot behind it ends a sentence.
bool stands_in(std::string_view text, const std::string& address) {
  const std::string lowered = ascii_lowered(text);
  for (std::size_t at = lowered.find(address); at != std::string::npos; at = lowered.find(address, at + 1)) {
    const std::size_t end = at + address.size();
    const bool dot = end < lowered.size() && lowered[end] == '.' &&
                     (end + 1 == lowered.size() || !is_of_address(lowered[end + 1]));
    const bool whole = end == lowered.size() || dot || !is_of_address(lowered[end]);
    if (whole && (at == 0 || !is_of_address(lowered[at - 1]))) return true;
  }
  return false;
}

class Reader {
 public:
  Reader(Database& database, const smtp::Address& person)
      : database_(database), person_(person), lowered_(ascii_lowered(person.to_string())) {}

  Result<PersonData> all() {
    ESSAIM_TRY(memberships_and_accounts());
    ESSAIM_TRY(departures());
    ESSAIM_TRY(held());
    ESSAIM_TRY(named());
    ESSAIM_TRY(posts());
    return std::move(data_);
  }

 private:
  // Its places: domains by their ids, and lists.
  Result<std::map<Id, std::string>> places(Connection& c) const {
    std::map<Id, std::string> out{{Id{0}, "site"}};
    storage::DirectoryStore directory(c);
    auto domains = directory.domains();
    if (!domains.ok()) return domains.error();
    for (const auto& domain : *domains) out[domain.id] = domain.name;
    const auto lists = directory.list_names("");
    if (!lists.ok()) return lists.error();
    for (const storage::ListName& list : *lists) out[list.id] = list.address();
    return out;
  }

  Result<void> memberships_and_accounts() {
    return database_.read_latest_now([&](Connection& c) -> Result<void> {
      data_.memberships.clear();
      data_.accounts.clear();
      auto known = places(c);
      if (!known.ok()) return known.error();
      auto rows = storage::MemberStore(c).all_of_person(person_, kMostMemberships);
      if (!rows.ok()) return rows.error();
      for (storage::MemberRecord& row : *rows) {
        const auto place = known->find(row.list_id);
        const bool gone = place == known->end();
        data_.memberships.push_back({row, gone ? "" : place->second, gone || row.left > 0});
      }
      auto accounts = storage::AccountStore(c).all();
      if (!accounts.ok()) return accounts.error();
      for (storage::AccountRecord& account : *accounts) {
        bool theirs = is_address_of(person_, account.name);
        for (const std::string& one : account.addresses) theirs = theirs || is_address_of(person_, one);
        if (theirs) data_.accounts.push_back(std::move(account));
      }
      auto answers = storage::AnswerStore(c).counted_at_all(lowered_);
      if (!answers.ok()) return answers.error();
      data_.answers = *answers;
      auto list = storage::DirectoryStore(c).find_list(person_.local_key(), person_.domain);
      if (!list.ok()) return list.error();
      data_.is_list = list->has_value();
      return {};
    });
  }

  // Some rows after the other, by their ids. `read` gives those behind an id, `take` looks at one and gives its id.
  template <typename Read, typename Take>
  Result<void> in_steps(const Read& read, const Take& take) {
    Id after = 0;
    for (std::size_t count = kPersonLooksAt; count == kPersonLooksAt;) {
      auto rows = database_.read_latest_now([&](Connection& c) { return read(c, after); });
      if (!rows.ok()) return rows.error();
      count = rows->size();
      for (auto& row : *rows) after = take(row);
    }
    return {};
  }

  Result<void> departures() {
    return in_steps(
        [](Connection& c, Id after) { return storage::DepartureStore(c).behind(after, kPersonLooksAt); },
        [this](storage::DepartureRecord& one) {
          const Id id = one.member_id;
          if (is_address_of(person_, one.address))
            data_.departures.push_back(std::move(one));
          else if (stands_in(one.how, lowered_))
            ++data_.departures_of_others;
          return id;
        });
  }

  Result<void> held() {
    return in_steps(
        [](Connection& c, Id after) { return storage::HeldStore(c).behind(after, kPersonLooksAt); },
        [this](HeldRecord& one) {
          const Id id = one.id;
          const bool theirs = is_held_of(person_, one);
          const std::string named = is_address_of(person_, one.author)       ? "author"
                                    : is_address_of(person_, one.sender)     ? "sender"
                                    : is_address_of(person_, one.decided_by) ? "decided by"
                                                                             : "";
          if (!theirs && named.empty()) return id;
          one.details.clear();  // the header of a post is long
          data_.held.push_back({std::move(one), theirs, theirs ? "" : named});
          return id;
        });
  }

  void named_in(const std::string& where, const std::map<std::string, std::string>& settings) {
    for (const auto& [name, value] : settings)
      if (stands_in(value, lowered_)) data_.named.push_back({where, "the setting " + name});
  }

  Result<void> named() {
    return database_.read_latest_now([&](Connection& c) -> Result<void> {
      data_.named.clear();
      auto known = places(c);
      if (!known.ok()) return known.error();
      storage::DirectoryStore directory(c);
      auto domains = directory.domains();
      if (!domains.ok()) return domains.error();
      for (const auto& domain : *domains) named_in(domain.name, domain.settings);
      auto lists = directory.lists("");
      if (!lists.ok()) return lists.error();
      for (const auto& list : *lists) named_in(list.address(), list.settings);
      return storage::TextStore(c).for_each([&](const storage::TextRecord& text) {
        const auto place = known->find(text.owner);
        const std::string where = place == known->end() ? "what was deleted" : place->second;
        if (stands_in(text.text, lowered_))
          data_.named.push_back({where, text.name});
        else if (is_address_of(person_, text.by))
          data_.named.push_back({where, text.name + ", as who changed it last"});
      });
    });
  }

  Result<void> posts() {
    Id after = 0;
    for (bool more = true; more;) {
      ESSAIM_TRY(database_.read_now([&, from = after, before = data_.posts](Connection& c) -> Result<void> {
        after = from;
        data_.posts = before;
        auto behind =
            storage::count_in_posts(c, person_, kPersonLooksAt, kPersonLooksAtBatches, &after, &data_.posts);
        if (!behind.ok()) return behind.error();
        more = *behind;
        return {};
      }));
    }
    return {};
  }

  Database& database_;
  const smtp::Address& person_;
  const std::string lowered_;
  PersonData data_;
};

}  // namespace

bool PersonData::empty() const {
  const storage::PersonInPosts& p = posts;
  return memberships.empty() && accounts.empty() && departures.empty() && departures_of_others == 0 &&
         held.empty() && named.empty() && answers == 0 &&
         p.written + p.delivered + p.failed + p.suppressed + p.pending + p.unreadable == 0;
}

bool is_held_of(const smtp::Address& person, const HeldRecord& held) {
  // From says who wrote a post; the envelope of what a secretary or a machine sent for them is another's.
  if (held.is_post()) return is_address_of(person, held.author.empty() ? held.sender : held.author);
  const std::string email = held.detail("email");
  if (!email.empty()) return is_address_of(person, email) || is_address_of(person, held.detail("previous"));
  return is_address_of(person, held.author);
}

Result<PersonData> read_person(Database& database, const smtp::Address& person) {
  return Reader(database, person).all();
}

}  // namespace essaim::lists
