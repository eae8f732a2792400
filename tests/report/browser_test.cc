// The report in a real browser: it loads from file:// without a complaint or a request, its plots
// hold the curves, hover, zoom, tables, slider, heat map and picture pages work.
//
// HALFMOON_SCREENSHOTS=DIR keeps pictures of every test's last state.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <memory>

#include "eval/report/html_report.h"
#include "tests/report/chromium.h"
#include "tests/report/sample_report.h"

namespace halfmoon::eval {
namespace {

using halfmoon::testing::Chromium;
using testing::SampleReport;

class BrowserTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    browser_ = std::make_unique<Chromium>(Chromium::Find());
    sample_ = std::make_unique<SampleReport>();
    const Status status = WriteHtmlReport(sample_->folder());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  static void TearDownTestSuite() {
    browser_.reset();
    sample_.reset();
  }

  void SetUp() override {
    browser_->Forget();
    browser_->SetWindow(1200, 900);
  }
  void TearDown() override {
    if (const char* folder = std::getenv("HALFMOON_SCREENSHOTS")) {
      browser_->Screenshot(std::string(folder) + "/" +
                           ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                           ".png");
    }
    EXPECT_EQ(browser_->complaints(), std::vector<std::string>());
    EXPECT_EQ(browser_->foreign_requests(), std::vector<std::string>());
  }

  static void Open(const std::string& route) {
    browser_->Open("file://" + sample_->Path("report.html") + "#" + route);
  }
  static nlohmann::json Evaluate(const std::string& expression) {
    return browser_->Evaluate(expression);
  }
  static bool WaitFor(const std::string& expression) { return browser_->WaitFor(expression); }
  // The middle of an element in the window, scrolled to.
  static std::pair<double, double> Middle(const std::string& selector) {
    const nlohmann::json at = Evaluate("(() => { const e = document.querySelector(`" + selector +
                                       "`);"
                                       "e.scrollIntoView({block: 'center', behavior: 'instant'});"
                                       "const b = e.getBoundingClientRect(); return [b.x + b.width "
                                       "/ 2, b.y + b.height / 2]; })()");
    return {at[0], at[1]};
  }
  static void Click(const std::string& selector) {
    const auto [x, y] = Middle(selector);
    browser_->Mouse("mousePressed", x, y, 1);
    browser_->Mouse("mouseReleased", x, y);
  }

  // After a drag D3 swallows the click that belongs to it, until a timer of 0 ms; Chromium lets
  // timers wait for the next frame after input. A reader's next click comes later than both.
  static void LetTimersRun() {
    Evaluate("window.timersRan = false; setTimeout(() => { window.timersRan = true; }); true");
    ASSERT_TRUE(WaitFor("window.timersRan"));
  }

  static std::unique_ptr<Chromium> browser_;
  static std::unique_ptr<SampleReport> sample_;
};

std::unique_ptr<Chromium> BrowserTest::browser_;
std::unique_ptr<SampleReport> BrowserTest::sample_;

// The data behind a plot's symbols, as the page's elements have it.
std::string PointsOf(const std::string& chart, const std::string& curve) {
  return "[...document.querySelectorAll('" + chart + " .series[data-name=\"" + curve +
         "\"] .point')].map((p) => [Number(p.dataset.x), Number(p.dataset.y)])";
}

TEST_F(BrowserTest, EveryMetricsPlotHoldsItsCurves) {
  Open("/");
  const nlohmann::json& results = sample_->results();
  for (const nlohmann::json& metric : results["metrics"]) {
    const std::string key = metric["key"];
    Click(".tabs button[data-metric=\"" + key + "\"]");
    for (const nlohmann::json& codec : results["codecs"]) {
      nlohmann::json expected = nlohmann::json::array();
      for (const nlohmann::json& point : codec["points"]) {
        expected.push_back({point["bpp"], point["metrics"][key]});
      }
      EXPECT_EQ(Evaluate(PointsOf(".rate-chart", codec["name"])), expected) << key << codec["name"];
    }
    const std::size_t published = key == "psnr_rgb" ? 2 : 0;
    EXPECT_EQ(Evaluate("[...document.querySelectorAll('.rate-chart .published .point')].length"),
              6 * published)
        << key;
  }
}

TEST_F(BrowserTest, PointsAreWhereTheAxesSay) {
  Open("/");
  // Within the frame, to the right and upwards from one to the next.
  EXPECT_EQ(Evaluate(R"js((() => {
    const frame = document.querySelector('.rate-chart .frame').getBoundingClientRect();
    const points = '.rate-chart .series[data-name="jpeg"] .point';
    const at = [...document.querySelectorAll(points)].map((p) => {
      const b = p.getBoundingClientRect();
      return [b.x + b.width / 2, b.y + b.height / 2];
    });
    return at.length === 5 && at.every(([x, y], i) => x > frame.left && x < frame.right &&
      y > frame.top && y < frame.bottom && (i === 0 || (x > at[i - 1][0] && y < at[i - 1][1])));
  })())js"),
            true);
  // Published curves are dashed, the run's own are not.
  EXPECT_EQ(Evaluate("[...document.querySelectorAll('.rate-chart .published .curve')].every((c) => "
                     "c.getAttribute('stroke-dasharray'))"),
            true);
  EXPECT_EQ(Evaluate("[...document.querySelectorAll('.rate-chart .series:not(.published) "
                     ".curve')].some((c) => c.getAttribute('stroke-dasharray'))"),
            false);
}

TEST_F(BrowserTest, HoverAndKeyboardTellThePoint) {
  Open("/");
  const auto [x, y] = Middle(".rate-chart .series[data-name=\"ae\"] .point:nth-of-type(3)");
  browser_->Mouse("mouseMoved", x + 2, y + 1);
  ASSERT_TRUE(WaitFor("!document.querySelector('.rate-chart .tip').hidden"));
  const std::string tip = Evaluate("document.querySelector('.rate-chart .tip').textContent");
  EXPECT_NE(tip.find("ae"), std::string::npos) << tip;
  EXPECT_NE(tip.find("bpp"), std::string::npos) << tip;
  EXPECT_NE(tip.find("dB"), std::string::npos) << tip;
  browser_->Mouse("mouseMoved", 3, 3);
  EXPECT_TRUE(WaitFor("document.querySelector('.rate-chart .tip').hidden"));
  Evaluate("document.querySelector('.rate-chart .chart-frame').focus()");
  browser_->Key("ArrowRight");
  browser_->Key("ArrowRight");
  EXPECT_TRUE(
      WaitFor("document.querySelector('.rate-chart .tip').textContent.includes('quality 30')"));
}

TEST_F(BrowserTest, ABoxZoomsAndResetGoesBack) {
  Open("/");
  const std::string domain =
      "JSON.parse(document.querySelector('.rate-chart .chart-frame > svg').dataset.domain)";
  const nlohmann::json before = Evaluate(domain);
  const auto [x, y] = Middle(".rate-chart .frame");
  browser_->Mouse("mouseMoved", x - 120, y - 80);
  browser_->Mouse("mousePressed", x - 120, y - 80, 1);
  browser_->Mouse("mouseMoved", x, y, 1);
  browser_->Mouse("mouseMoved", x + 90, y + 70, 1);
  browser_->Mouse("mouseReleased", x + 90, y + 70);
  const nlohmann::json zoomed = Evaluate(domain);
  EXPECT_GT(zoomed["x"][0], before["x"][0]);
  EXPECT_LT(zoomed["x"][1], before["x"][1]);
  EXPECT_GT(zoomed["y"][0], before["y"][0]);
  EXPECT_LT(zoomed["y"][1], before["y"][1]);
  LetTimersRun();
  // Other curves, same view; then back.
  Click(".rate-chart .legend button[data-name=\"jpeg\"]");
  EXPECT_EQ(Evaluate(domain), zoomed);
  EXPECT_EQ(Evaluate(PointsOf(".rate-chart", "jpeg")).size(), 0u);
  Click(".rate-chart .legend button[data-name=\"jpeg\"]");
  Click(".rate-chart button[title=\"Reset the zoom\"]");
  EXPECT_EQ(Evaluate(domain), before);
  Click(".rate-chart button[title=\"Zoom in\"]");
  EXPECT_LT(Evaluate(domain)["x"][1], before["x"][1]);
}

TEST_F(BrowserTest, BdTableSortsAndShowsWarnings) {
  Open("/");
  auto rates = [] {
    return Evaluate(
        "[...document.querySelectorAll('.bd tbody tr')].map((r) => r.cells[0].textContent)");
  };
  EXPECT_EQ(rates(), nlohmann::json({"avif:speed=6", "ae"}));  // fewest bits first
  Click(".bd thead th:nth-child(2) button");
  EXPECT_EQ(rates(), nlohmann::json({"ae", "avif:speed=6"}));
  EXPECT_EQ(Evaluate("document.querySelector('.bd thead th:nth-child(2)').ariaSort"), "descending");
  const std::string text = Evaluate("document.querySelector('.bd').textContent");
  EXPECT_NE(text.find("the curves share a short range"), std::string::npos);
  EXPECT_NE(text.find("\u221240.0\u00a0%"), std::string::npos) << text;
  EXPECT_NE(text.find("90\u00a0%"), std::string::npos) << "overlap";
}

// Half the bits and 1.0 times the time; with other numbers the words change.
TEST_F(BrowserTest, OneSentenceSaysWhatMatters) {
  Open("/");
  EXPECT_EQ(Evaluate("document.querySelector('.summary').textContent"),
            "At equal SSIMULACRA 2, ae needs 10\u00a0% fewer bits than jpeg and decodes as fast.");
  nlohmann::json& r = sample_->results();
  const nlohmann::json before = r;
  const auto say = [&] {
    sample_->Save();
    EXPECT_TRUE(WriteHtmlReport(sample_->folder()).ok());
    Open("/");
    return Evaluate("document.querySelector('.summary')?.textContent ?? ''");
  };
  for (nlohmann::json& row : r["codecs"][1]["timing"]) {
    row["decode_seconds"] = 9 * row["decode_seconds"].get<double>();
  }
  r["bd"][2]["bd_rate"] = 12.0;
  EXPECT_EQ(say(),
            "At equal SSIMULACRA 2, ae needs 12\u00a0% more bits than jpeg and decodes 9 times "
            "slower.");
  // Halfmoon first: the same numbers, seen from it, against the best of the others.
  std::swap(r["codecs"][0], r["codecs"][1]);
  r["bd"][2]["anchor"] = "ae";
  r["bd"][2]["test"] = "jpeg";
  r["bd"][2]["bd_rate"] = 25.0;
  EXPECT_EQ(say(),
            "At equal SSIMULACRA 2, ae needs 20\u00a0% fewer bits than jpeg and decodes 9 times "
            "slower.");
  r["bd"] = nlohmann::json::array();
  EXPECT_EQ(say(), "");
  r = before;
  sample_->Save();
  EXPECT_TRUE(WriteHtmlReport(sample_->folder()).ok());
}

TEST_F(BrowserTest, OpensAgainstTheFirstCodec) {
  nlohmann::json& r = sample_->results();
  const nlohmann::json before = r;
  nlohmann::json published = r["bd"][0];
  published["anchor"] = "VTM";
  published["published"] = true;
  r["bd"].insert(r["bd"].begin(), published);
  r["bd"][1]["bd_rate"] = 900;
  r["anchors_dataset"] = {{"name", "Kodak"}, {"fits", false}};
  r["notes"] = {"the published curves belong to Kodak"};
  sample_->Save();
  EXPECT_TRUE(WriteHtmlReport(sample_->folder()).ok());
  Open("/");
  EXPECT_EQ(Evaluate("document.querySelectorAll('select[aria-label=against]')[0].value"), "jpeg");
  // The number is the second column; a bar that ends before its value has a point, and a line says
  // so.
  EXPECT_EQ(Evaluate("document.querySelector('.bd thead th:nth-child(2)').textContent"), "BD-rate");
  EXPECT_EQ(Evaluate("document.querySelectorAll('.bd .clipped').length"), 1);
  EXPECT_EQ(Evaluate("document.body.textContent.includes('A bar with a point is longer')"), true);
  // Curves of other pictures wait to be asked for.
  EXPECT_EQ(Evaluate("document.querySelectorAll('.rate-chart .series.published').length"), 0);
  EXPECT_EQ(Evaluate("document.querySelector('.note').textContent"),
            "the published curves belong to Kodak");
  r = before;
  sample_->Save();
  EXPECT_TRUE(WriteHtmlReport(sample_->folder()).ok());
}

TEST_F(BrowserTest, NamesOfCurvesDoNotOverlap) {
  Open("/");
  EXPECT_EQ(Evaluate(R"js((() => {
    const boxes = [...document.querySelectorAll('.rate-chart .end-label')].map(
        (e) => e.getBoundingClientRect());
    return boxes.length > 3 && boxes.every((a, i) => boxes.every((b, k) => i === k ||
        a.right < b.left || b.right < a.left || a.bottom - 3 < b.top || b.bottom - 3 < a.top));
  })())js"),
            true);
}

TEST_F(BrowserTest, TheNumberThatMattersIsSeenOnAPhone) {
  browser_->SetWindow(390, 844);
  Open("/");
  EXPECT_EQ(Evaluate(R"js((() => {
    const cell = document.querySelector('.bd tbody td');
    const box = cell.getBoundingClientRect();
    return cell.textContent.includes('%') && box.right <= window.innerWidth;
  })())js"),
            true);
}

TEST_F(BrowserTest, TimeIsDrawnPerThreads) {
  Open("/");
  const double megapixels = 96 * 64 / 1e6;
  nlohmann::json one = Evaluate(PointsOf(".time-chart", "jpeg"));
  ASSERT_EQ(one.size(), 5u);
  EXPECT_NEAR(one[1][1].get<double>(), 0.02 / megapixels, 1e-9);
  EXPECT_NEAR(one[1][0].get<double>(), 8 * 1500 / (96 * 64.0), 1e-9);
  Click(".time-chart .segmented button[data-value=\"2\"]");
  EXPECT_NEAR(Evaluate(PointsOf(".time-chart", "jpeg"))[1][1].get<double>(), 0.01 / megapixels,
              1e-9);
  Click(".time-chart .segmented button[data-value=\"decode_memory_bytes\"]");
  EXPECT_NEAR(Evaluate(PointsOf(".time-chart", "ae"))[0][1].get<double>(), 3e6 / 1048576, 1e-9);
}

TEST_F(BrowserTest, FailuresAreListed) {
  Open("/");
  const std::string text = Evaluate("document.querySelector('.failures').textContent");
  for (const char* what : {"torn.png", "cut off", "not built in", "encoder gave up", "no memory"}) {
    EXPECT_NE(text.find(what), std::string::npos) << what;
  }
  ASSERT_EQ(Evaluate("document.querySelectorAll('.rate-chart .point.failed').length"), 1);
  // Hollow, with its curve's colour around.
  const std::string style = "getComputedStyle(document.querySelector('.rate-chart .point.failed'))";
  EXPECT_NE(Evaluate(style + ".fill"), Evaluate(style + ".stroke"));
  EXPECT_EQ(Evaluate(style + ".stroke"),
            Evaluate("getComputedStyle(document.querySelector('.rate-chart "
                     "[data-name=\"avif:speed=6\"] .curve')).stroke"));
}

TEST_F(BrowserTest, AForeignNameStaysText) {
  Open("/pictures");
  EXPECT_EQ(Evaluate("document.querySelector('a[data-picture=\"1\"] b').textContent"),
            testing::kHostileName);
  Open("/picture/1");
  EXPECT_EQ(Evaluate("document.querySelector('h1').textContent"), testing::kHostileName);
}

TEST_F(BrowserTest, APicturePageOpensFromTheGallery) {
  Open("/pictures");
  ASSERT_TRUE(WaitFor("document.querySelector('a[data-picture=\"0\"] img')?.naturalWidth === 96"));
  Click("a[data-picture=\"0\"] .thumb");
  ASSERT_TRUE(WaitFor("location.hash === '#/picture/0' && document.querySelector('.tiles')"));
  // The original, two codecs as the browser decoded them, and the one that failed.
  EXPECT_TRUE(
      WaitFor("[...document.querySelectorAll('.tiles img')].filter((i) => i.naturalWidth === 96 && "
              "i.naturalHeight === 64).length === 3"));
  EXPECT_EQ(Evaluate("document.querySelectorAll('.tiles figure').length"), 4);
  EXPECT_EQ(
      Evaluate("document.querySelectorAll('.rate-chart .series[data-name=\"ae\"] .point').length"),
      5);
  // One zoom for all panes.
  Click(".stage .segmented button[data-value=\"8\"]");
  EXPECT_EQ(Evaluate("new Set([...document.querySelectorAll('.tiles img')].map((i) => "
                     "i.style.transform)).size"),
            1);
}

TEST_F(BrowserTest, TheSliderMovesByMouseAndKeyboard) {
  Open("/picture/0");
  ASSERT_TRUE(WaitFor("document.querySelectorAll('.main-pane img').length === 2"));
  const std::string clip = "document.querySelectorAll('.main-pane .layer')[1].style.clipPath";
  const std::string divider = "parseFloat(document.querySelector('.divider').style.left)";
  EXPECT_EQ(Evaluate(divider), 50);
  const auto [x, y] = Middle(".divider");
  browser_->Mouse("mouseMoved", x, y);
  browser_->Mouse("mousePressed", x, y, 1);
  browser_->Mouse("mouseMoved", x + 100, y, 1);
  browser_->Mouse("mouseReleased", x + 100, y);
  const double moved = Evaluate(divider);
  const double width = Evaluate("document.querySelector('.main-pane').clientWidth");
  EXPECT_NEAR(moved, 50 + 100 * 100 / width, 0.6);
  EXPECT_NE(Evaluate(clip).get<std::string>().find("inset("), std::string::npos);
  Evaluate("document.querySelector('.slide').focus()");
  browser_->Call("Input.dispatchKeyEvent",
                 {{"type", "rawKeyDown"}, {"key", "Home"}, {"windowsVirtualKeyCode", 36}});
  EXPECT_TRUE(WaitFor(divider + " === 0"));
}

TEST_F(BrowserTest, TheHeatMapIsThatOfTheDifference) {
  Open("/picture/0");
  ASSERT_TRUE(WaitFor("document.querySelectorAll('.main-pane img').length === 2"));
  // B: the codec "ae", whose picture has shades cut to multiples of 32.
  Evaluate(
      "(() => { const s = document.querySelectorAll('.pickers select')[1]; s.value = '1'; "
      "s.dispatchEvent(new Event('change')); })()");
  Click(".stage .segmented button[data-value=\"difference\"]");
  ASSERT_TRUE(
      WaitFor("document.querySelector('.difference-numbers').textContent.includes('largest 31')"))
      << Evaluate("document.querySelector('.stage').textContent");
  // Black where both are equal is a colour among others.
  EXPECT_GT(Evaluate(R"js((() => {
    const c = document.querySelector('.heat canvas');
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    const colour = (i) => d[4 * i] << 16 | d[4 * i + 1] << 8 | d[4 * i + 2];
    return new Set([...Array(d.length / 4).keys()].map(colour)).size;
  })())js"),
            10);
}

TEST_F(BrowserTest, NothingIsWiderThanAPhone) {
  for (const char* scheme : {"light", "dark"}) {
    browser_->SetWindow(360, 740, scheme);
    for (const char* route : {"/", "/pictures", "/picture/0"}) {
      Open(route);
      EXPECT_EQ(Evaluate("document.documentElement.scrollWidth"), 360) << route;
      EXPECT_EQ(Evaluate("document.documentElement.dataset.theme"), scheme);
    }
  }
}

TEST_F(BrowserTest, TheThemeButtonOverridesTheSystem) {
  Open("/");
  const std::string light = Evaluate("getComputedStyle(document.body).backgroundColor");
  Click("#theme");  // light
  Click("#theme");  // dark
  EXPECT_EQ(Evaluate("document.documentElement.dataset.theme"), "dark");
  EXPECT_NE(Evaluate("getComputedStyle(document.body).backgroundColor"), light);
  Click("#theme");  // the system's again
  EXPECT_EQ(Evaluate("document.documentElement.dataset.theme"), "light");
}

}  // namespace
}  // namespace halfmoon::eval

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const char* reason = !halfmoon::eval::HasHtmlReport() ? "built without D3 (Debian: node-d3)"
                       : halfmoon::testing::Chromium::Find().empty()
                           ? "no chromium (Debian: chromium)"
                           : nullptr;
  if (reason != nullptr) {
    std::cout << "report.browser is skipped: " << reason << "\n";
    return 0;
  }
  return RUN_ALL_TESTS();
}
