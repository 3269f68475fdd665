#include "core/datasets/fetch.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "core/base/files.hpp"
#include "core/base/text.hpp"
#include "core/sdk/error.hpp"

namespace labhost {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr long kConnectSeconds = 30, kSilentSeconds = 60;

/// FILE.part, open and locked: two downloads of one file would write into each other's bytes.
class PartFile {
 public:
  explicit PartFile(const std::string& file)
      : path_(file + ".part"),
        origin_(file + ".part.from"),
        descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail("create");
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      throw InputError(path_ + " is in use: another download of it is under way");
    }
  }
  ~PartFile() { close(descriptor_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  curl_off_t size() const {
    struct stat status {};
    if (fstat(descriptor_, &status) != 0) fail("read");
    return status.st_size;
  }
  /// What identifies the version of `address` that the bytes are of; nothing when they are not.
  std::optional<std::string> version_of(const std::string& address) const {
    if (size() == 0 || !fs::exists(origin_)) return std::nullopt;
    const auto lines = split(read_file(origin_), '\n');
    if (lines.size() < 2 || lines[0] != address || lines[1].empty()) return std::nullopt;
    return lines[1];
  }
  /// Empty, for the bytes of another version.
  void begin(const std::string& address, const std::string& version) {
    clear();
    write_atomically(origin_, address + "\n" + version + "\n");
  }
  void go_to_end() {
    if (lseek(descriptor_, 0, SEEK_END) < 0) fail("read");
  }
  bool append(const char* bytes, std::size_t count) {
    while (count > 0) {
      const ssize_t written = write(descriptor_, bytes, count);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
    return true;
  }
  bool is_hdf5() const {
    char start[kHdf5Signature.size()] = {};
    return pread(descriptor_, start, sizeof start, 0) == static_cast<ssize_t>(sizeof start) &&
           std::string_view(start, sizeof start) == kHdf5Signature;
  }
  void clear() {
    std::error_code ignored;
    fs::remove(origin_, ignored);
    if (ftruncate(descriptor_, 0) != 0 || lseek(descriptor_, 0, SEEK_SET) != 0) fail("empty");
  }
  void become(const std::string& file) {
    if (fsync(descriptor_) != 0 || rename(path_.c_str(), file.c_str()) != 0) fail("finish");
    std::error_code ignored;
    fs::remove(origin_, ignored);
  }
  void discard() {
    std::error_code ignored;
    fs::remove(origin_, ignored);
    fs::remove(path_, ignored);
  }

 private:
  [[noreturn]] void fail(const char* action) const {
    throw InputError(std::string("cannot ") + action + " " + path_ + ": " + std::strerror(errno));
  }

  std::string path_, origin_;
  int descriptor_;
};

/// One request and its answer.
struct Transfer {
  Transfer(PartFile& file, const std::string& from, bool visible)
      : part(file), address(from), offset(part.size()), shown(visible) {}

  PartFile& part;
  const std::string& address;
  curl_off_t offset;  ///< bytes that are there already
  bool shown;
  long status = 0;
  curl_off_t length = -1;                   ///< Content-Length
  curl_off_t range_begin = -1, whole = -1;  ///< Content-Range
  std::string etag, modified;
  bool begun = false;
  std::string refusal;  ///< why its bytes were not taken
  std::chrono::steady_clock::time_point last_shown;

  /// A strong one: a weak ETag does not promise the same bytes.
  const std::string& version() const {
    return etag.empty() || etag.rfind("W/", 0) == 0 ? modified : etag;
  }
  curl_off_t expected() const { return status == 206 ? whole : length; }

  void read_header(std::string line) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    if (line.rfind("HTTP/", 0) == 0) {  // the next answer, after a redirection
      status = std::strtol(line.c_str() + std::min(line.find(' '), line.size()), nullptr, 10);
      length = range_begin = whole = -1;
      etag = modified = "";
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) return;
    std::string name = line.substr(0, colon);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const std::size_t start = line.find_first_not_of(" \t", colon + 1);
    const std::string value = start == std::string::npos ? "" : line.substr(start);
    if (name == "content-length") length = parse_integer(value).value_or(-1);
    if (name == "etag") etag = value;
    if (name == "last-modified") modified = value;
    if (name == "content-range") {
      long long first = -1, last = -1, all = -1;
      if (std::sscanf(value.c_str(), "bytes %lld-%lld/%lld", &first, &last, &all) == 3) {
        range_begin = first;
        whole = all;
      }
    }
  }

  /// Before the first bytes of the body: whether they are those that are missing.
  bool begin() {
    begun = true;
    if (status == 206 && range_begin == offset && whole > offset) {
      part.go_to_end();
      return true;
    }
    if (status == 200) {
      part.begin(address, version());
      offset = 0;
      return true;
    }
    refusal = status == 206 ? "it answered with another range than asked for"
                            : "it answered with HTTP status " + std::to_string(status);
    return false;
  }

  void show(curl_off_t now) {
    const auto time = std::chrono::steady_clock::now();
    if (!shown || time - last_shown < std::chrono::milliseconds(200)) return;
    last_shown = time;
    const double mib = 1024.0 * 1024.0;
    const double have = static_cast<double>(offset + now), all = static_cast<double>(expected());
    if (all > 0) {
      std::fprintf(stderr, "\r%.1f of %.1f MiB, %.0f %%\x1b[K", have / mib, all / mib,
                   100 * have / all);
    } else {
      std::fprintf(stderr, "\r%.1f MiB\x1b[K", have / mib);
    }
  }
};

std::size_t on_header(char* text, std::size_t size, std::size_t count, void* transfer) {
  static_cast<Transfer*>(transfer)->read_header(std::string(text, size * count));
  return size * count;
}

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  try {  // nothing may be thrown through libcurl
    if (!transfer.begun && !transfer.begin()) return 0;
  } catch (const std::exception& error) {
    transfer.refusal = error.what();
    return 0;
  }
  if (transfer.part.append(bytes, size * count)) return size * count;
  transfer.refusal = std::string("the bytes cannot be kept: ") + std::strerror(errno);
  return 0;
}

int on_progress(void* transfer, curl_off_t, curl_off_t now, curl_off_t, curl_off_t) {
  static_cast<Transfer*>(transfer)->show(now);
  return 0;
}

/// Asks for the missing rest; returns libcurl's verdict, with `message` when it is not good.
CURLcode perform(Transfer& transfer, std::string& message) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) throw std::runtime_error("libcurl cannot be started");
  char reason[CURL_ERROR_SIZE] = "";
  CURL* c = curl.get();
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(c, CURLOPT_URL, transfer.address.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_USERAGENT, "labhost/" LABHOST_VERSION);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, kSilentSeconds);
  curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(c, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_slist* headers = nullptr;
  // By hand: with CURLOPT_RANGE, libcurl takes the whole file, which an answer may be, for an
  // error.
  if (const auto version = transfer.part.version_of(transfer.address)) {
    headers = curl_slist_append(headers,
                                ("Range: bytes=" + std::to_string(transfer.offset) + "-").c_str());
    headers = curl_slist_append(headers, ("If-Range: " + *version).c_str());
  }
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
  const CURLcode code = curl_easy_perform(c);
  curl_slist_free_all(headers);
  message = *reason != '\0' ? reason : curl_easy_strerror(code);
  return code;
}

/// The whole file is in `part` afterwards; else why not.
std::optional<std::string> download(PartFile& part, const std::string& address, bool shown) {
  curl_off_t best = part.version_of(address) ? part.size() : 0;  // bytes that need not come again
  while (true) {
    Transfer transfer(part, address, shown);
    std::string message;
    const CURLcode code = perform(transfer, message);
    if (shown) std::fprintf(stderr, "\r\x1b[K");
    if (transfer.status == 416 && part.size() > 0) {  // there is no such rest: begin anew
      part.clear();
      continue;
    }
    if (!transfer.refusal.empty()) return transfer.refusal;
    if (transfer.status >= 300)
      return "it answered with HTTP status " + std::to_string(transfer.status);
    if (transfer.status == 0) return message;
    const bool counts =
        transfer.begun || transfer.status == 206;  // what is there is of this answer
    const curl_off_t have = counts ? part.size() : 0, expected = transfer.expected();
    if (code == CURLE_OK && (expected < 0 || expected == have)) {
      if (part.is_hdf5()) return std::nullopt;
      part.clear();
      return "what it sent is no HDF5 file";
    }
    if (have <= best || !part.version_of(address)) {  // another try would do no better
      return "it broke off after " + std::to_string(have) + " of " + std::to_string(expected) +
             " bytes (" + message + ")";
    }
    best = have;
  }
}

void fetch(const FetchRequest& request) {
  PartFile part(request.file);
  std::string answers;
  for (const std::string& address : request.addresses) {
    const auto problem = download(part, address, request.progress);
    if (!problem) {
      part.become(request.file);
      return;
    }
    answers += "\n  " + address + ": " + *problem;
  }
  if (part.size() == 0) part.discard();
  throw InputError("expected the file " + fs::path(request.file).filename().string() +
                   " from one of these addresses, found:" + answers +
                   "\nThe same command goes on where a download broke off; --url and --mirror name "
                   "other addresses");
}

}  // namespace

}  // namespace labhost

extern "C" __attribute__((visibility("default"))) void labhost_fetch_main(
    const labhost::FetchRequest& request) {
  labhost::fetch(request);
}
