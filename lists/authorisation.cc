#include "lists/authorisation.h"

#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "lists/policies.h"
#include "lists/settings.h"
#include "lists/templates/phrases.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::lists {
namespace {

using scenario::Variable;
using storage::Role;

constexpr std::size_t kLongestAsked = 1000;  // octets of a value in a question to others

std::optional<smtp::Address> parsed(std::string_view who) {
  auto address = smtp::parse_mailbox(who, smtp::LocalPart::kUtf8);
  if (!address.ok()) return std::nullopt;
  return std::move(*address);
}

class ListLookups : public scenario::Lookups {
 public:
  ListLookups(const Services& services, storage::Connection* connection, const storage::ListRecord& list,
              const scenario::Question& question, const KnownPerson* person)
      : services_(services), connection_(connection), list_(list), question_(question), person_(person) {}

  Result<std::optional<bool>> has_role(Role role, std::string_view name, std::string_view who) override {
    const auto address = parsed(who);
    if (!address) return std::optional<bool>(false);
    const bool ours =
        name.empty() || name == list_.local || (name.find('@') != name.npos && name == list_.address());
    if (ours && list_.id != 0) {
      if (is_known(*address)) {
        const Facts& facts = person_->facts;
        if (role == Role::kEditor && !facts.editor && facts.owner) return stands_for_editors(list_.id);
        return std::optional<bool>(role == Role::kMember  ? facts.member
                                   : role == Role::kOwner ? facts.owner
                                                          : facts.editor);
      }
      return role_in(list_.id, role, *address);
    }
    if (connection_ == nullptr) return not_at_hand();
    const auto at = name.find('@');
    auto other =
        storage::DirectoryStore(*connection_)
            .find_list_or_former(ascii_lowered(name.substr(0, at)),
                                 at == name.npos ? list_.domain : smtp::kept_domain(name.substr(at + 1)));
    if (!other.ok()) return other.error();
    if (!other->has_value()) return std::optional<bool>();
    return role_in((*other)->id, role, *address);
  }

  Result<bool> is_listmaster(std::string_view who) override {
    const auto address = parsed(who);
    if (!address) return false;
    if (is_known(*address) && person_->listmaster) return *person_->listmaster;
    if (connection_ == nullptr) return not_at_hand();
    return lists::is_listmaster(*connection_, list_.domain_id, *address);
  }

  Result<std::optional<bool>> search(const std::string& filter, std::string_view who) override {
    if (scenario::is_source_filter(filter)) return ask(filter, who);
    auto found = services_.policies->filter(connection_, list_, filter);
    if (!found.ok()) return found.error();
    if (*found == nullptr) return std::optional<bool>();
    return std::optional<bool>((*found)->contains(who));
  }

  Result<std::optional<std::string>> attribute(Variable of, const std::string& name) override {
    using Text = std::optional<std::string>;
    switch (of) {
      case Variable::kList:
        return list_attribute(name);
      case Variable::kConf:
        if (name == "domain" || name == "host" || name == "robot") return Text(list_.domain);
        if (name == "email") return Text(settings_of(list_).robot);
        if (name == "lang") return Text(settings_of(list_).language);
        return Text();
      case Variable::kUser:
      case Variable::kSubscriber:
        if (name == "email") return Text(question_.sender);
        return person_attribute(name);
      default:
        return Text();
    }
  }

 private:
  bool is_known(const smtp::Address& address) const {
    return person_ != nullptr && person_->address.domain == address.domain &&
           person_->address.local_key() == address.local_key();
  }

  static Error not_at_hand() { return {ErrorCode::kConflict, "the rules ask for more than is at hand"}; }

  Result<std::optional<bool>> ask(const std::string& name, std::string_view who) {
    auto filter = services_.policies->source(connection_, list_, name);
    if (!filter.ok()) return filter.error();
    // Who waits for an answer waits with the database's threads, not with those of sessions.
    if (connection_ == nullptr) return not_at_hand();
    if (services_.sources == nullptr)
      return Error{ErrorCode::kTemporary, "the filter " + name + " cannot be asked here"};
    std::vector<std::string> values;
    for (const scenario::Piece& variable : (*filter)->question.variables) {
      if (variable.variable == Variable::kSender || variable.variable == Variable::kEmail) {
        values.push_back(ascii_lowered(who));
        continue;
      }
      auto text = scenario::text_of(variable, question_, *this);
      if (!text.ok()) return text.error();
      if (!text->has_value() || (*text)->size() > kLongestAsked || !is_valid_utf8(**text) ||
          (*text)->find('\0') != std::string::npos)
        return std::optional<bool>();
      values.push_back(std::move(**text));
    }
    auto holds = services_.sources->holds(**filter, values);
    if (!holds.ok()) return holds.error();
    return std::optional<bool>(*holds);
  }

  Result<std::optional<bool>> role_in(Id list_id, Role role, const smtp::Address& address) {
    if (connection_ == nullptr) return not_at_hand();
    storage::MemberStore members(*connection_);
    auto found = members.find(list_id, role, address);
    if (!found.ok()) return found.error();
    if (found->has_value() || role != Role::kEditor) return std::optional<bool>(found->has_value());
    auto owner = members.find(list_id, Role::kOwner, address);
    if (!owner.ok()) return owner.error();
    if (!owner->has_value()) return std::optional<bool>(false);
    return stands_for_editors(list_id);
  }

  // An owner: without editors the owners moderate, and are what rules call one, as in Sympa.
  Result<std::optional<bool>> stands_for_editors(Id list_id) {
    if (connection_ == nullptr) return not_at_hand();
    const auto editors = storage::MemberStore(*connection_).count(list_id, Role::kEditor);
    if (!editors.ok()) return editors.error();
    return std::optional<bool>(*editors == 0);
  }

  Result<std::optional<std::string>> list_attribute(const std::string& name) {
    using Text = std::optional<std::string>;
    if (list_.id == 0) return Text();
    if (name == "name") return Text(list_.local);
    if (name == "address") return Text(list_.address());
    if (name == "host" || name == "domain") return Text(list_.domain);
    if (name == "status") return Text(list_.state == storage::ListState::kOpen ? "open" : "closed");
    if (name == "total") {
      if (connection_ == nullptr) return not_at_hand();
      auto total = storage::MemberStore(*connection_).count(list_.id, Role::kMember);
      if (!total.ok()) return total.error();
      return Text(std::to_string(*total));
    }
    const std::string ours = name == "subject" ? "description" : name == "lang" ? "language" : name;
    for (const ShownSetting& setting : shown_settings(list_)) {
      if (setting.name == ours) return Text(setting.value);
    }
    return Text();
  }

  Result<std::optional<std::string>> person_attribute(const std::string& name) {
    using Text = std::optional<std::string>;
    const auto address = parsed(question_.sender);
    if (!address || list_.id == 0) return Text();
    if (connection_ == nullptr) return not_at_hand();
    auto member = storage::MemberStore(*connection_).find(list_.id, Role::kMember, *address);
    if (!member.ok()) return member.error();
    if (!member->has_value()) return Text();
    if (name == "gecos") return Text((*member)->name);
    if (name == "lang") return Text((*member)->language);
    if (name == "reception") return Text(std::string(to_string((*member)->reception)));
    if (name == "visibility") return Text((*member)->conceal ? "conceal" : "noconceal");
    if (name == "date" || name == "date_epoch")
      return Text(std::to_string(to_millis((*member)->since) / 1000));
    return Text();
  }

  const Services& services_;
  storage::Connection* const connection_;
  const storage::ListRecord& list_;
  const scenario::Question& question_;
  const KnownPerson* const person_;
};

}  // namespace

std::string_view reason_of(const scenario::Action& action) {
  if (action.reason.empty() && is_reason(action.reject_template)) return action.reject_template;
  return action.reason;
}

Result<bool> is_listmaster(storage::Connection& connection, Id domain_id, const smtp::Address& address) {
  storage::MemberStore members(connection);
  for (const Id scope : {Id{0}, domain_id}) {
    auto found = members.find(scope, Role::kListmaster, address);
    if (!found.ok()) return found.error();
    if (found->has_value()) return true;
    if (domain_id == 0) break;
  }
  return false;
}

Result<Authorised> authorise(const Services& services, storage::Connection* connection,
                             const storage::ListRecord& list, std::string_view function,
                             const scenario::Question& question, const KnownPerson* person,
                             scenario::Trace* trace, std::shared_ptr<const scenario::Scenario>* used) {
  auto scenario = services.policies->scenario(connection, list, function);
  if (!scenario.ok()) return scenario.error();
  ListLookups lookups(services, connection, list, question, person);
  auto decision = scenario::decide(**scenario, question, lookups, trace);
  if (!decision.ok()) return decision.error();
  if (used != nullptr) *used = *scenario;
  return Authorised{std::move(decision->action), std::move(decision->where)};
}

}  // namespace essaim::lists
