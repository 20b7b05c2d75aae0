#include "lists/rules/checks.h"

namespace essaim::lists {

const std::vector<Rule>& post_rules() {
  static const std::vector<Rule> table = {
      {"loop", "The message bears this list's own List-Id or X-Loop: it has been here.", rules::own_mark},
      {"hops", "More than 100 Received fields: it goes round somewhere.", rules::too_many_hops},
      {"null-sender", "The reverse-path is null: a bounce or notification, no post.", rules::null_sender},
      {"automatic-reply", "An out-of-office or other machine's answer (the setting automatic_replies).",
       rules::automatic_reply},
      {"command",
       "The subject is a command to join or leave the list, which goes elsewhere (the setting "
       "misaddressed_commands).",
       rules::command},
      {"no-author",
       "There is no From field with an address, or more than one From field, or what looks like an address "
       "in it is "
       "none.",
       rules::no_author},
      {"several-authors", "From names several people and no Sender says who sent it.",
       rules::several_authors},
      {"dmarc",
       "Fails DMARC where the author's domain asks for more than p=none, and the list refuses or holds such.",
       rules::dmarc_failure},
      {"unauthenticated", "The list wants authors whose domain stands behind them.", rules::unauthenticated},
      {"max-size", "Larger than the list takes.", rules::too_large},
      {"require-tls", "Asks for TLS on the whole way (REQUIRETLS), which the list does not promise.",
       rules::requires_tls},
      {"closed-list", "The list is closed.", rules::closed_list},
  };
  return table;
}

const std::vector<Rule>& forward_rules() {
  static const std::vector<Rule> table = {
      {"loop", "The message bears this address's own X-Loop: it has been here.", rules::own_mark},
      {"hops", "More than 100 Received fields: it goes round somewhere.", rules::too_many_hops},
      {"max-size", "Larger than the address takes.", rules::too_large},
  };
  return table;
}

const std::vector<Rule>& relay_rules() {
  static const std::vector<Rule> table = {
      {"hops", "More than 100 Received fields: it goes round somewhere.", rules::too_many_hops},
  };
  return table;
}

const std::vector<Rule>& command_rules() {
  static const std::vector<Rule> table = {
      {"loop", "The message bears this list's own List-Id or X-Loop: it has been here.", rules::own_mark},
      {"hops", "More than 100 Received fields: it goes round somewhere.", rules::too_many_hops},
      {"null-sender", "The reverse-path is null: nobody who could be answered.", rules::null_sender},
      {"automatic", "A machine's mail, list mail or bulk mail is never answered.", rules::automatic},
      {"no-author",
       "There is no From field with an address, or more than one From field, or what looks like an address "
       "in it is "
       "none.",
       rules::no_author},
      {"several-authors", "From names several people and no Sender says who sent it.",
       rules::several_authors},
      {"dmarc", "Fails DMARC where the author's domain asks for more than p=none: no command is theirs.",
       rules::disowned_author},
  };
  return table;
}

Disposition decide(const std::vector<Rule>& table, const RuleContext& context) {
  for (const Rule& rule : table) {
    if (auto reply = rule.check(context, rule.name))
      return {Disposition::Kind::kReject, std::move(*reply), rule.name};
  }
  return {};
}

}  // namespace essaim::lists
