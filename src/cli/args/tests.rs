use clap::CommandFactory;

use super::*;

fn reads(line: &str) -> Cli {
    Cli::try_parse_from(line.split('|')).unwrap_or_else(|fault| panic!("{line}: {fault}"))
}

#[test]
fn the_definitions_agree_with_each_other() {
    Cli::command().debug_assert();
}

#[test]
fn every_form_is_read() {
    for line in [
        "admitd|run|--config|a.toml|--demo",
        "admitd|check|--config|a.toml",
        "admitd|group|add|SmartHome/A Residence/12|--kind|building|--restrict|--hand-out|shared|--time-zone|Europe/Madrid|--admin-email|a@b.c|--admin-email|d@e.f",
        "admitd|group|edit|/|--no-restrict",
        "admitd|group|move|a/b|/",
        "admitd|group|remove|a|--force",
        "admitd|group|list",
        "admitd|license|add|a|--sip|50|--apps|40|--type|Plus|--from|2024-01-01|--until|+30d|--feature|ukey2|--feature|sip_trunks",
        "admitd|license|add|--user|anna|--sip|5",
        "admitd|license|edit|7|--until|none|--force",
        "admitd|license|suspend|7",
        "admitd|license|list|a|--json",
        "admitd|user|add|anna|--group|a|--group|b|--email|a@b.c",
        "admitd|number|add|sip:101@example.com|--group|a|--kind|panel",
        "admitd|number|add|sip:101@example.com|--user|anna|--kind|app|--password|x",
        "admitd|claim|add|a|--domain|example.com|--range|1000-1999|--kind|app",
        "admitd|claim|add|a|--address|192.0.2.7",
        "admitd|token|add|ci|--role|server_administrator|--expires|+90d|--read-only|--json",
        "admitd|token|add|c|--role|site_administrator|--group|a/b",
        "admitd|token|add|c|--role|user|--user|anna",
        "admitd|token|revoke|ci",
        "admitd|user|password|anna|--password|-",
        "admitd|setup|--json",
        "admitd|role|add|anna|--role|concierge|--group|a",
        "admitd|role|list|--user|anna|--group|a",
        "admitd|webhook|add|https://a.b/c|--group|a|--event|limit_reached|--event|license_ending|--days|7",
        "admitd|webhook|list",
        "admitd|webhook|test|3",
        "admitd|webhook|disable|3",
        "admitd|webhook|deliveries|3|--json",
        "admitd|audit",
        "admitd|audit|a|--since|2027-01-01|--until|2027-02-01T00:00:00Z|--who|user:anna|--limit|5|--json",
        "admitd|audit|--csv",
        "admitd|tree|--json",
        "admitd|state|a",
        "admitd|seats",
        "admitd|seats|a",
        "admitd|seats|free|sip:101@example.com|<urn:uuid:1>",
        "admitd|explain|sip:101@example.com",
        "admitd|explain|pfqmitv6e4",
        "admitd|import|numbers|a.csv|--dry-run",
        "admitd|import|users|a.csv|--group|SmartHome|--dry-run",
        "admitd|export|users|SmartHome|--csv",
        "admitd|export|numbers|/",
        "admitd|entitlement|user:anna|ukey2|--configure",
        "admitd|entitlement|sip:101@example.com",
        "admitd|completion|zsh",
    ] {
        reads(line);
    }
}

#[test]
fn what_contradicts_itself_is_a_usage_fault() {
    for line in [
        "admitd|license|add|--sip|5",
        "admitd|license|add|a|--user|b|--sip|5",
        "admitd|license|add|a|--apps|5",
        "admitd|license|add|a|--sip|many",
        "admitd|license|add|a|--sip|5|--until|tomorrow",
        "admitd|license|add|a|--sip|5|--feature|flying",
        "admitd|user|add|anna",
        "admitd|token|add|ci",
        "admitd|token|add|ci|--role|king",
        "admitd|token|add|ci|--role|user|--expires|tomorrow",
        "admitd|role|add|anna",
        "admitd|number|add|sip:1@a.com|--group|a|--user|b",
        "admitd|number|add|sip:1@a.com",
        "admitd|claim|add|a|--range|1-2",
        "admitd|claim|add|a|--domain|b.com|--range|1000-999",
        "admitd|claim|add|a",
        "admitd|group|edit|a|--restrict|--no-restrict",
        "admitd|import|users|a.csv",
        "admitd|export|groups|a",
        "admitd|entitlement|user:anna|flying",
    ] {
        let fault = Cli::try_parse_from(line.split('|')).expect_err(line);
        assert_eq!(fault.exit_code(), 2, "{line}");
    }
}

#[test]
fn every_command_says_what_it_does() {
    fn visit(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}
