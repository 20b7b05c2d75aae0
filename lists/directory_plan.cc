#include "lists/directory_plan.h"

#include <iterator>
#include <set>

#include "core/base/text.h"

namespace essaim::lists {
namespace {

using storage::Role;

constexpr Role kRoles[] = {Role::kOwner, Role::kEditor, Role::kMember};
constexpr std::size_t kOctetsOfRow = 256;       // about, of a person's
constexpr std::size_t kRowsOfDeletedList = 20;  // it takes its texts along and refuses what waits
const ListText kNewList;

bool options_differ(const MemberOptions& is, const MemberOptions& wanted) {
  return wanted.conceal.value_or(is.conceal.value_or(false)) != is.conceal.value_or(false) ||
         wanted.privileged.value_or(is.privileged.value_or(false)) != is.privileged.value_or(false) ||
         wanted.language.value_or(is.language.value_or("")) != is.language.value_or("");
}

bool differs(const PersonText& is, const PersonText& wanted) {
  return is.name != wanted.name || is.reception != wanted.reception ||
         options_differ(is.options, wanted.options);
}

const People& people_of(const ListText& list, Role role) {
  static const People nobody;
  const auto found = list.people.find(role);
  return found == list.people.end() ? nobody : found->second;
}

std::size_t rows_of(const Settings& settings) {
  std::size_t octets = 0;
  for (const auto& [name, value] : settings) octets += name.size() + value.size();
  return 1 + octets / kOctetsOfRow;
}

class Planner {
 public:
  explicit Planner(DirectoryPlan& plan) : plan_(plan) {}

  void domain(const std::string& name, const Settings* is, const Settings& wanted) {
    const std::size_t before = plan_.lines.size();
    if (is == nullptr) say("+ domain " + name);
    settings("domain " + name, is == nullptr ? Settings() : *is, wanted);
    step(before, rows_of(wanted),
         [&name, &wanted](const StepContext& context) { return make_domain(context, name, wanted); });
  }

  void list(const std::string& address, const ListText* known, const ListText& wanted) {
    const bool is_new = known == nullptr;
    const ListText& is = is_new ? kNewList : *known;
    const std::size_t before = plan_.lines.size();
    if (is_new) say("+ list " + address);
    if (is.closed != wanted.closed) say("~ list " + address + (wanted.closed ? ": closed" : ": open"));
    settings("list " + address, is.settings, wanted.settings);
    // Whoever owns a new list is privileged, so they come with it and not after it, when it would be new no more.
    if (is_new) {
      for (const auto& [key, owner] : people_of(wanted, Role::kOwner))
        say_person("+", Role::kOwner, address, owner);
    }
    former_names(address, is, wanted);
    step(before,
         rows_of(wanted.settings) + (is_new ? people_of(wanted, Role::kOwner).size() : 0) +
             (wanted.former ? wanted.former->size() : 0),
         [&address, is_new, &wanted](const StepContext& context) -> Result<void> {
           ESSAIM_TRY(make_list(context, address, is_new, wanted));
           return make_former_names(context, address, wanted);
         });
    for (const Role role : kRoles) {
      const auto people_wanted = wanted.people.find(role);
      if (people_wanted == wanted.people.end() || (is_new && role == Role::kOwner)) continue;
      people(address, role, people_of(is, role), people_wanted->second);
    }
  }

  void list_goes(const std::string& address) {
    say("- list " + address + " with its members");
    last_.push_back({1, kRowsOfDeletedList,
                     [&address](const StepContext& context) { return drop_list(context, address); }});
  }

  void domain_goes(const std::string& name) {
    say("- domain " + name);
    last_.push_back({1, 1, [&name](const StepContext& context) { return drop_domain(context, name); }});
  }

  void finish() {
    for (auto* steps : {&people_, &last_})
      std::move(steps->begin(), steps->end(), std::back_inserter(plan_.steps));
  }

 private:
  void say(std::string line) { plan_.lines.push_back(std::move(line)); }

  void say_person(const char* sign, Role role, const std::string& address, const PersonText& person) {
    say(std::string(sign) + " " + to_string(role) + " " + address + " " +
        escaped_for_display(person_line(person), 600));
  }

  // "footer = "..."" for each that differs.
  void settings(const std::string& what, const Settings& is, const Settings& wanted) {
    for (const auto& [name, value] : wanted) {
      const auto found = is.find(name);
      if (found == is.end() || found->second != value)
        say("~ " + what + ": " + name + " = \"" + escaped_for_display(value, 200) + "\"");
    }
    for (const auto& [name, value] : is) {
      if (!wanted.contains(name)) say("~ " + what + ": " + name + " back to its default");
    }
  }

  void former_names(const std::string& address, const ListText& is, const ListText& wanted) {
    if (!wanted.former) return;
    const std::set<std::string> had = is.former.value_or(std::set<std::string>());
    for (const std::string& name : *wanted.former)
      if (!had.contains(name)) say("+ former " + address + " " + name);
    for (const std::string& name : had)
      if (!wanted.former->contains(name)) say("- former " + address + " " + name);
  }

  void step(std::size_t lines_before, std::size_t rows, MakeStep make) {
    const auto changes = static_cast<std::int64_t>(plan_.lines.size() - lines_before);
    if (changes > 0) plan_.steps.push_back({changes, rows, std::move(make)});
  }

  void people(const std::string& address, Role role, const People& is, const People& wanted) {
    PeopleStep step{address, role, {}, {}, {}};
    const auto add = [&](std::vector<const PersonText*> PeopleStep::*whom, const PersonText& person) {
      (step.*whom).push_back(&person);
      if (step.size() == kWrittenTogether) flush(&step);
    };
    for (const auto& [key, person] : wanted) {
      const auto found = is.find(key);
      if (found == is.end()) {
        say_person("+", role, address, person);
        add(&PeopleStep::fresh, person);
      } else if (differs(found->second, person)) {
        say_person("~", role, address, person);
        add(&PeopleStep::changed, person);
      }
    }
    for (const auto& [key, person] : is) {
      if (wanted.contains(key)) continue;
      say_person("-", role, address, person);
      add(&PeopleStep::gone, person);
    }
    flush(&step);
  }

  void flush(PeopleStep* step) {
    const std::size_t size = step->size();
    if (size == 0) return;
    PeopleStep next{step->address, step->role, {}, {}, {}};
    people_.push_back(
        {static_cast<std::int64_t>(size), size,
         [step = std::move(*step)](const StepContext& context) { return make_people(context, step); }});
    *step = std::move(next);
  }

  DirectoryPlan& plan_;
  std::vector<DirectoryStep> people_, last_;
};

}  // namespace

DirectoryPlan plan_directory(const DirectoryText& is, const DirectoryText& wanted, bool remove_others) {
  DirectoryPlan plan;
  Planner planner(plan);
  for (const auto& [name, settings] : wanted.domains) {
    const auto found = is.domains.find(name);
    planner.domain(name, found == is.domains.end() ? nullptr : &found->second, settings);
  }
  for (const auto& [address, list] : wanted.lists) {
    const auto found = is.lists.find(address);
    planner.list(address, found == is.lists.end() ? nullptr : &found->second, list);
  }
  if (remove_others) {
    for (const auto& [address, list] : is.lists) {
      if (!wanted.lists.contains(address)) planner.list_goes(address);
    }
    for (const auto& [name, settings] : is.domains) {
      if (!wanted.domains.contains(name)) planner.domain_goes(name);
    }
  }
  planner.finish();
  return plan;
}

}  // namespace essaim::lists
