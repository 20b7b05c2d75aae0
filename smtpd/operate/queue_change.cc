#include "smtpd/operate/queue_change.h"

#include "core/base/json.h"

namespace essaim::smtpd::operate {

const char* to_string(QueueAction action) {
  switch (action) {
    case QueueAction::kHold:
      return "hold";
    case QueueAction::kRelease:
      return "release";
    case QueueAction::kDelete:
      return "delete";
    case QueueAction::kRetry:
      return "retry";
  }
  return "";
}

std::string to_json(const QueueChange& change) {
  Json json = {{"posts", change.posts}, {"recipients", change.recipients}, {"busy", change.busy}};
  if (change.forgiven > 0) json["forgiven"] = change.forgiven;
  if (change.held > 0) json["held"] = change.held;
  if (change.damaged > 0) json["damaged"] = change.damaged;
  if (change.kept > 0) {
    json["kept"] = change.kept;
    json["kept_by"] = change.kept_by;
  }
  if (change.failed > 0) {
    json["failed"] = change.failed;
    json["error"] = change.error;
  }
  for (const Id id : change.unknown) json["unknown"].push_back(format_id(id));
  for (const std::string& one : change.refused) json["refused"].push_back(one);
  return json_text(json);
}

}  // namespace essaim::smtpd::operate
