// Forms and what stands around them: bounded, read back as they are written, and no field of a proxy makes an address.
#include "core/http/forwarded.h"
#include "core/net/socket_address.h"
#include "lists/templates/catalogue.h"
#include "tests/fuzz/target.h"
#include "web/form.h"
#include "web/language.h"

using namespace essaim;

namespace {

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    out.append({'%', kHex[octet >> 4], kHex[octet & 15]});
  }
  return out;
}

void check(const Result<web::Form>& form, std::size_t size) {
  if (!form.ok()) return;
  ESSAIM_CHECK(form->fields().size() <= web::Form::kMostFields);
  std::size_t octets = 0;
  std::string written;
  for (const auto& [name, value] : form->fields()) {
    octets += name.size() + value.size();
    written += percent_encoded(name) + "=" + percent_encoded(value) + "&";
  }
  ESSAIM_CHECK(octets <= size);
  const auto again = web::Form::read_urlencoded(written);
  ESSAIM_CHECK(again.ok() && again->fields() == form->fields());
}

}  // namespace

ESSAIM_FUZZ_TARGET(web_form) {
  check(web::Form::read_urlencoded(data), data.size());
  check(web::Form::read_multipart(data, "cut"), data.size());
  const std::size_t line = data.find('\n');
  if (line != std::string_view::npos) {
    const auto boundary = web::parameter_of(data.substr(0, line), "boundary");
    check(web::Form::read_multipart(data.substr(line + 1), boundary.value_or("")), data.size());
  }
  const std::string language = web::language_for(data);
  ESSAIM_CHECK(lists::is_language(language));
  for (const std::string& value : http::forwarded_for(data)) ESSAIM_CHECK(value.size() <= data.size());
  const auto all = [](const std::string&) { return true; };
  for (const std::string& client :
       {http::client_behind_forwarded("192.0.2.1", {data}, all), http::client_behind("192.0.2.1", data, all)})
    ESSAIM_CHECK(net::SocketAddress::from_ip(client, 0).ok());
}
