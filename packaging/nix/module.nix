# rota as a service of NixOS:
#
#   imports = [ ./rota/packaging/nix/module.nix ];
#   services.rota.enable = true;
#   services.rota.settings.tasks.hello = { interval = "10s"; command = "echo hello"; };
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.rota;
  toml = pkgs.formats.toml { };
in
{
  options.services.rota = {
    enable = lib.mkEnableOption "rota, a task scheduler";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = "rota as package.nix beside this file makes it";
      description = "The package with rota.";
    };

    settings = lib.mkOption {
      type = toml.type;
      default = { };
      example = {
        tasks.backup = {
          at = "02:30";
          command = "tar -czf /backup/home.tar.gz /home";
        };
      };
      description = "What jobs.toml says. Secrets do not belong here: everybody can read the store. Name their files.";
    };

    file = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      description = "A jobs.toml that is used as it is, instead of settings.";
    };

    path = lib.mkOption {
      type = lib.types.listOf lib.types.package;
      default = [ ];
      description = "Packages whose programs tasks find in PATH.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc."rota/jobs.toml".source =
      if cfg.file != null then cfg.file else toml.generate "jobs.toml" cfg.settings;

    # as in packaging/rota.service, which says why
    systemd.services.rota = {
      description = "rota task scheduler";
      documentation = [
        "man:rota(1)"
        "man:jobs.toml(5)"
      ];
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "nss-user-lookup.target"
        "time-sync.target"
        "remote-fs.target"
      ];
      path = [ pkgs.bash ] ++ cfg.path;
      # a new file is read by the rota that runs
      reloadTriggers = [ config.environment.etc."rota/jobs.toml".source ];
      serviceConfig = {
        Type = "notify";
        ExecStart = "${cfg.package}/bin/rota daemon --config /etc/rota/jobs.toml";
        ExecReload = "${cfg.package}/bin/rota reload";
        WatchdogSec = "30s";
        Restart = "on-failure";
        RestartSec = "2s";
        RestartPreventExitStatus = "3";
        KillMode = "process";
        TimeoutStopSec = "90s";
        OOMPolicy = "continue";
        OOMScoreAdjust = "-100";
        TasksMax = "infinity";
        IgnoreSIGPIPE = "false";
        UMask = "0022";
        RuntimeDirectory = "rota";
        RuntimeDirectoryPreserve = "yes";
        StateDirectory = "rota";
        StateDirectoryMode = "0750";
        SyslogIdentifier = "rota";
      };
    };
  };
}
