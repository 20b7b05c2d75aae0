#include "smtpd/admin/protocol.h"

#include "core/base/json.h"
#include "core/base/text.h"

namespace essaim::smtpd::admin {
namespace {

constexpr int kMaxDepth = 8;  // of nesting in a request; ours need three

Error bad(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

std::string dumped(const Json& json) {
  return json_text(json) + "\n";
}

struct CodeName {
  ErrorCode code;
  const char* name;
};
constexpr CodeName kCodes[] = {
    {ErrorCode::kInvalid, "invalid"},     {ErrorCode::kNotFound, "not-found"},
    {ErrorCode::kExists, "exists"},       {ErrorCode::kConflict, "conflict"},
    {ErrorCode::kTemporary, "temporary"}, {ErrorCode::kUnknownOutcome, "unknown-outcome"},
    {ErrorCode::kExhausted, "exhausted"}, {ErrorCode::kIo, "io"},
    {ErrorCode::kDamaged, "damaged"},     {ErrorCode::kCancelled, "cancelled"},
    {ErrorCode::kInternal, "internal"},
};

// Deep nesting and repeated names are refused while parsing.
Result<Json> parse_object(std::string_view text) {
  if (!is_valid_utf8(text)) return bad("not UTF-8");
  bool deep = false;
  Json json;
  try {
    json = Json::parse(
        text.begin(), text.end(),
        [&deep](int depth, Json::parse_event_t, Json&) {
          deep = deep || depth > kMaxDepth;
          return !deep;
        },
        false);
  } catch (const std::exception&) {
    return bad("not JSON");
  }
  if (deep) return bad("nested too deep");
  if (json.is_discarded()) return bad("not JSON");
  if (!json.is_object()) return bad("not a JSON object");
  return json;
}

}  // namespace

std::string Request::argument(const std::string& name) const {
  const auto found = arguments.find(name);
  return found == arguments.end() ? "" : found->second;
}

std::string encode_request(const Request& request) {
  Json json;
  json["command"] = request.command;
  json["arguments"] = Json::object();
  for (const auto& [name, value] : request.arguments) json["arguments"][name] = value;
  return dumped(json);
}

Result<Request> decode_request(std::string_view line) {
  auto parsed = parse_object(line);
  if (!parsed.ok()) return parsed.error();
  Request out;
  bool named = false;
  for (const auto& [key, value] : parsed->items()) {
    if (key == "command" && value.is_string()) {
      out.command = value.get<std::string>();
      named = true;
    } else if (key == "arguments" && value.is_object()) {
      for (const auto& [name, text] : value.items()) {
        if (!text.is_string())
          return bad("argument \"" + escaped_for_display(name, 100) + "\" is not a text");
        out.arguments[name] = text.get<std::string>();
      }
    } else {
      return bad("unexpected member \"" + escaped_for_display(key, 100) + "\"");
    }
  }
  if (!named) return bad("no command");
  return out;
}

std::string encode_answer(const Result<std::string>& result) {
  Json json;
  if (!result.ok()) {
    json["ok"] = false;
    json["code"] = "internal";
    for (const CodeName& c : kCodes)
      if (c.code == result.error().code) json["code"] = c.name;
    json["error"] = result.error().message;
    return dumped(json);
  }
  json["ok"] = true;
  json["result"] = Json::parse(*result, nullptr, false);
  return dumped(json);
}

std::string encode_line(std::string_view text) {
  Json json;
  json["line"] = std::string(text);
  return dumped(json);
}

Result<std::string> decode_answer(std::string_view line) {
  Json json = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!json.is_object() || !json.contains("ok") || !json["ok"].is_boolean())
    return Error{ErrorCode::kInternal, "the server's answer cannot be understood: is it of another version?"};
  if (json["ok"].get<bool>()) return json.contains("result") ? json["result"].dump() : std::string("{}");
  Error error{ErrorCode::kInternal, "unknown error"};
  if (json.contains("error") && json["error"].is_string()) error.message = json["error"].get<std::string>();
  if (json.contains("code") && json["code"].is_string()) {
    for (const CodeName& c : kCodes)
      if (json["code"].get<std::string>() == c.name) error.code = c.code;
  }
  return error;
}

Result<std::string> decode_line(std::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!json.is_object() || !json.contains("line") || !json["line"].is_string())
    return Error{ErrorCode::kInternal, "the server's answer cannot be understood: is it of another version?"};
  return json["line"].get<std::string>();
}

LineReader::State LineReader::take(std::string_view bytes, std::size_t* used) {
  const std::size_t end = bytes.find('\n');
  const std::size_t n = end == std::string_view::npos ? bytes.size() : end + 1;
  *used = n;
  if (line_.size() + n > limit_) return State::kTooLong;
  line_.append(bytes.substr(0, end == std::string_view::npos ? n : end));
  return end == std::string_view::npos ? State::kMore : State::kLine;
}

}  // namespace essaim::smtpd::admin
