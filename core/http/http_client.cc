#include "core/http/http_client.h"

#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <curl/curl.h>

#include "core/base/check.h"
#include "core/base/executor.h"
#include "core/base/text.h"

namespace essaim::http {
namespace {

void initialise_once() {
  // Not thread-safe in itself; the first client is made while the program starts.
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  ESSAIM_CHECK(done == CURLE_OK);
}

struct Transfer {
  Request request;
  HttpClient::Done done;
  Response response;
  CURL* handle = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* connect_to = nullptr;
  curl_slist* resolve = nullptr;
  bool too_long = false;
  char error[CURL_ERROR_SIZE] = {};

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
    curl_slist_free_all(connect_to);
    curl_slist_free_all(resolve);
  }
};

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* transfer_pointer) {
  auto* transfer = static_cast<Transfer*>(transfer_pointer);
  const std::size_t length = size * count;
  if (transfer->response.body.size() + length > transfer->request.max_octets) {
    transfer->too_long = true;
    return 0;
  }
  transfer->response.body.append(bytes, length);
  return length;
}

std::string bracketed(const std::string& ip) {
  return ip.find(':') == std::string::npos ? ip : "[" + ip + "]";
}

std::string host_of(const std::string& url) {
  const std::size_t begin = url.find("//");
  if (begin == std::string::npos) return url;
  return url.substr(begin + 2, url.find('/', begin + 2) - begin - 2);
}

template <typename Value>
void set(CURL* handle, CURLoption option, Value value) {
  curl_easy_setopt(handle, option, value);
}

void prepare(Transfer* transfer) {
  const Request& request = transfer->request;
  CURL* handle = transfer->handle = curl_easy_init();
  ESSAIM_CHECK(handle != nullptr);
  set(handle, CURLOPT_PRIVATE, transfer);
  set(handle, CURLOPT_URL, request.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, "https,http");
  set(handle, CURLOPT_ERRORBUFFER, transfer->error);
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_USERAGENT, "essaim");
  set(handle, CURLOPT_WRITEFUNCTION, take_body);
  set(handle, CURLOPT_WRITEDATA, transfer);
  set(handle, CURLOPT_TIMEOUT_MS,
      static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(request.timeout).count()));
  set(handle, CURLOPT_PROXY, "");  // whatever the environment says
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!request.ca_file.empty()) set(handle, CURLOPT_CAINFO, request.ca_file.c_str());
  if (request.port != 0) {
    transfer->connect_to = curl_slist_append(nullptr, (":::" + std::to_string(request.port)).c_str());
    set(handle, CURLOPT_CONNECT_TO, transfer->connect_to);
  }
  if (!request.addresses.empty()) {
    const bool secure = starts_with_ignoring_case(request.url, "https:");
    const int port = request.port != 0 ? request.port : secure ? 443 : 80;
    std::string entry = host_of(request.url) + ":" + std::to_string(port) + ":";
    for (std::size_t i = 0; i < request.addresses.size(); ++i)
      entry += (i == 0 ? "" : ",") + bracketed(request.addresses[i]);
    transfer->resolve = curl_slist_append(nullptr, entry.c_str());
    set(handle, CURLOPT_RESOLVE, transfer->resolve);
  }
  if (!request.user.empty()) {
    set(handle, CURLOPT_USERNAME, request.user.c_str());
    set(handle, CURLOPT_PASSWORD, request.password.c_str());
  }
  if (request.post) {
    set(handle, CURLOPT_POST, 1L);
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(handle, CURLOPT_POSTFIELDS, request.body.c_str());
    transfer->headers =
        curl_slist_append(transfer->headers, ("Content-Type: " + request.content_type).c_str());
    set(handle, CURLOPT_HTTPHEADER, transfer->headers);
  }
}

Error failure_of(const Transfer& transfer, CURLcode code) {
  const std::string host = host_of(transfer.request.url);
  if (transfer.too_long)
    return {ErrorCode::kExhausted,
            host + ": the answer is longer than " + std::to_string(transfer.request.max_octets) + " octets"};
  const std::string why =
      transfer.error[0] != '\0' ? std::string(transfer.error) : std::string(curl_easy_strerror(code));
  const bool certificate = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR;
  return {certificate ? ErrorCode::kInvalid : ErrorCode::kTemporary,
          host + ": " + escaped_for_display(why, 300)};
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(std::size_t at_once, std::size_t waiting) : at_once_(at_once), most_waiting_(waiting) {
    initialise_once();
    multi_ = curl_multi_init();
    ESSAIM_CHECK(multi_ != nullptr);
    thread_ = std::thread([this] {
      name_this_thread("http-client");
      run();
    });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  void fetch(Request request, Done done) {
    auto transfer = std::make_unique<Transfer>();
    transfer->request = std::move(request);
    transfer->done = std::move(done);
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

 private:
  void run() {
    while (begin_waiting()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      if (finish_done()) continue;  // room for one that waits
      curl_multi_poll(multi_, nullptr, 0, 60'000, nullptr);
    }
    for (auto& [handle, transfer] : open_) {
      curl_multi_remove_handle(multi_, handle);
      cancel(*transfer);
    }
    open_.clear();
  }

  // False: it is over.
  bool begin_waiting() {
    std::deque<std::unique_ptr<Transfer>> refused;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) {
        refused = std::move(waiting_);
      } else {
        while (!waiting_.empty() && open_.size() < at_once_) {
          std::unique_ptr<Transfer> transfer = std::move(waiting_.front());
          waiting_.pop_front();
          prepare(transfer.get());
          CURL* handle = transfer->handle;
          curl_multi_add_handle(multi_, handle);
          open_.emplace(handle, std::move(transfer));
        }
        while (waiting_.size() > most_waiting_) {
          refused.push_back(std::move(waiting_.back()));
          waiting_.pop_back();
        }
        if (refused.empty()) return true;
      }
    }
    const bool over = stopping_;
    for (const auto& transfer : refused) {
      if (over)
        cancel(*transfer);
      else
        transfer->done(
            Error{ErrorCode::kExhausted, host_of(transfer->request.url) + ": too many requests wait"});
    }
    return !over;
  }

  static void cancel(const Transfer& transfer) {
    transfer.done(Error{ErrorCode::kCancelled, host_of(transfer.request.url) + ": the program ends"});
  }

  bool finish_done() {
    bool any = false;
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* handle = message->easy_handle;
      const CURLcode code = message->data.result;
      const auto found = open_.find(handle);
      ESSAIM_CHECK(found != open_.end());
      const std::unique_ptr<Transfer> transfer = std::move(found->second);
      open_.erase(found);
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      const char* type = nullptr;
      curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
      transfer->response.status = static_cast<int>(status);
      if (type != nullptr) transfer->response.content_type = type;
      curl_multi_remove_handle(multi_, handle);
      if (code != CURLE_OK)
        transfer->done(failure_of(*transfer, code));
      else
        transfer->done(std::move(transfer->response));
      any = true;
    }
    return any;
  }

  const std::size_t at_once_, most_waiting_;
  CURLM* multi_ = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> open_;  // the client's thread only
  std::mutex mutex_;
  std::deque<std::unique_ptr<Transfer>> waiting_;
  bool stopping_ = false;  // written under the mutex; read by the client's thread behind it
  std::thread thread_;
};

HttpClient::HttpClient(std::size_t at_once, std::size_t waiting)
    : impl_(std::make_unique<Impl>(at_once, waiting)) {}

HttpClient::~HttpClient() = default;

void HttpClient::fetch(Request request, Done done) {
  impl_->fetch(std::move(request), std::move(done));
}

}  // namespace essaim::http
