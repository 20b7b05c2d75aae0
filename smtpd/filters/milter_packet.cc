#include "smtpd/filters/milter_packet.h"

namespace essaim::smtpd::milter {

std::string octets_of(std::uint32_t number) {
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>((number >> shift) & 0xFF));
  return out;
}

std::string packet(Command what, std::string_view data) {
  std::string out = octets_of(static_cast<std::uint32_t>(data.size() + 1));
  out.push_back(static_cast<char>(what));
  out += data;
  return out;
}

std::string with_nuls(const std::vector<std::string_view>& texts) {
  std::string out;
  for (const std::string_view text : texts) {
    out += text;
    out.push_back('\0');
  }
  return out;
}

std::optional<std::uint32_t> take_number(std::string_view* data) {
  if (data->size() < 4) return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : data->substr(0, 4)) number = number << 8 | static_cast<unsigned char>(c);
  data->remove_prefix(4);
  return number;
}

std::optional<std::string_view> take_text(std::string_view* data) {
  const auto end = data->find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = data->substr(0, end);
  data->remove_prefix(end + 1);
  return text;
}

Result<std::optional<Packet>> PacketReader::next() {
  std::string_view rest = std::string_view(waiting_).substr(taken_);
  const auto length = take_number(&rest);
  if (!length) return std::optional<Packet>();
  if (*length == 0 || *length > kLongest)
    return Error{ErrorCode::kInvalid, "a packet of " + std::to_string(*length) + " octets"};
  if (rest.size() < *length) return std::optional<Packet>();
  Packet out{rest.front(), std::string(rest.substr(1, *length - 1))};
  taken_ += 4 + std::size_t{*length};
  if (taken_ == waiting_.size()) {
    waiting_.clear();
    taken_ = 0;
  } else if (taken_ > kLongest) {
    waiting_.erase(0, taken_);
    taken_ = 0;
  }
  return std::optional<Packet>(std::move(out));
}

}  // namespace essaim::smtpd::milter
