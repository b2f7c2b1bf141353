# A formula for Homebrew on Linux. For a release, set url and sha256.
class Rota < Formula
  desc "Task scheduler: one program, one TOML file"
  homepage "https://example.org/rota"
  url "https://example.org/rota/releases/rota-1.0.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "go" => :build
  depends_on :linux

  def install
    ENV["CGO_ENABLED"] = "0"
    system "go", "build", *std_go_args(ldflags: "-s -w -X rota/internal/command.release=#{version}")
    system bin/"rota", "man", buildpath
    man1.install "rota.1"
    man5.install "jobs.toml.5"
    generate_completions_from_executable(bin/"rota", "completion")
    pkgshare.install "jobs.example.toml", "jobs.schema.json", "docs/recipes.toml"
  end

  def caveats
    <<~EOS
      Write a first file, from your crontab if you have one:
        rota init --config #{etc}/rota/jobs.toml
    EOS
  end

  service do
    run [opt_bin/"rota", "daemon", "--config", etc/"rota/jobs.toml"]
    keep_alive crashed: true
    working_dir Dir.home
  end

  test do
    (testpath/"jobs.toml").write <<~TOML
      [tasks.hello]
      interval = "10s"
      log = "hello"
    TOML
    assert_match "1 task", shell_output("#{bin}/rota check jobs.toml")
    assert_match version.to_s, shell_output("#{bin}/rota version")
  end
end
