// A small HTTP server on 127.0.0.1 that serves one content, well or badly.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace labhost::testing {

class HttpServer {
 public:
  /// How the next connections are answered; after the last one, well.
  struct Answer {
    std::size_t bytes = std::string::npos;  ///< of the body, then the connection is closed
    std::size_t promised_more = 0;          ///< beyond the content, in Content-Length
    int status = 0;                         ///< instead of the content
    bool ranges = true;                     ///< false: always sends the content from its start
  };

  explicit HttpServer(std::string content) : content_(std::move(content)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, any, size) != 0 || listen(listener_, 8) != 0 ||
        getsockname(listener_, any, &size) != 0) {
      throw std::runtime_error("no port on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string folder() const { return "http://127.0.0.1:" + std::to_string(port_) + "/sets/"; }
  void answer_with(std::deque<Answer> answers) {
    const std::lock_guard<std::mutex> lock(mutex_);
    answers_ = std::move(answers);
  }
  void change(std::string content, std::string etag) {
    const std::lock_guard<std::mutex> lock(mutex_);
    content_ = std::move(content);
    etag_ = std::move(etag);
  }
  /// Since the last call, one per request: where its range began, or -1.
  std::vector<long> take_requests() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(requests_, {});
  }

 private:
  void serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
        if (count <= 0) break;
        request.append(buffer, static_cast<std::size_t>(count));
      }
      const std::string text = answer(request);
      for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t count =
            send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      shutdown(connection, SHUT_WR);
      close(connection);
    }
  }

  std::string answer(const std::string& request) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Answer plan;
    if (!answers_.empty()) {
      plan = answers_.front();
      answers_.pop_front();
    }
    const std::size_t range = request.find("Range: bytes=");
    const long begin = range == std::string::npos ? -1 : std::atol(request.c_str() + range + 13);
    requests_.push_back(begin);
    if (plan.status != 0) {
      const std::string page = "<p>no</p>";
      return "HTTP/1.1 " + std::to_string(plan.status) + " No\r\nConnection: close\r\n" +
             "Content-Length: " + std::to_string(page.size()) + "\r\n\r\n" + page;
    }
    const bool same = request.find("If-Range: " + etag_ + "\r\n") != std::string::npos;
    const bool partial = plan.ranges && begin >= 0 && same;
    const auto first = partial ? static_cast<std::size_t>(begin) : 0;
    const std::string all = std::to_string(content_.size());
    std::string head = partial ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                                     std::to_string(first) + "-" +
                                     std::to_string(content_.size() - 1) + "/" + all + "\r\n"
                               : "HTTP/1.1 200 OK\r\n";
    head += "Connection: close\r\nETag: " + etag_ +
            "\r\nContent-Length: " + std::to_string(content_.size() - first + plan.promised_more) +
            "\r\n\r\n";
    return head + content_.substr(first, plan.bytes);
  }

  std::string content_, etag_ = "\"one\"";
  int listener_ = -1, port_ = 0;
  std::mutex mutex_;
  std::deque<Answer> answers_;
  std::vector<long> requests_;
  std::thread thread_;
};

}  // namespace labhost::testing
