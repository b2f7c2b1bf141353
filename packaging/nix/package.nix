# rota for nixpkgs: pkgs.callPackage ./package.nix { }
{
  lib,
  buildGoModule,
  installShellFiles,
}:

buildGoModule rec {
  pname = "rota";
  version = "1.0.0";

  src = lib.cleanSource ../..;
  # of the modules in go.sum: the first build says what it is
  vendorHash = lib.fakeHash;

  env.CGO_ENABLED = 0;
  subPackages = [ "." ];
  ldflags = [ "-X rota/internal/command.release=${version}" ];
  # They start daemons and a browser, and want a machine of their own.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    $out/bin/rota man .
    installManPage rota.1 jobs.toml.5
    for shell in bash zsh fish; do
      installShellCompletion --cmd rota --$shell <($out/bin/rota completion $shell)
    done
    install -Dm644 jobs.schema.json -t $out/share/rota
    install -Dm644 jobs.example.toml docs/recipes.toml -t $out/share/doc/rota/examples
  '';

  meta = {
    description = "Task scheduler: one program, one TOML file";
    homepage = "https://example.org/rota";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
    mainProgram = "rota";
  };
}
