#!/usr/bin/perl

# The helper is killed at every instruction of taking over and publishing:
# readers see nothing but whole frames in their places, and the next writer
# goes on at the exact next offset.  The essay in ngx_kafka_ws_step_module.c
# says how.
#
# TEST_STEP_KILLS: at so many states of the zone at most, in each scenario, by
# TEST_STEP_SEED; 0: at each instruction, which takes an hour or two

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use KafkaWS::Nginx;

use constant {
	ALL => 100_000,
	CHECKS => 28,			# seven scenarios, four each
	INSTRUCTIONS => 100_000,	# less is not the way it was
};

my $kills = $ENV{TEST_STEP_KILLS} // ALL;
my $seed = $ENV{TEST_STEP_SEED} // 1;
my $t = KafkaWS::Nginx->new();
my $module = KafkaWS::Nginx::module_file('step_');

$t->write_file_expand('nginx.conf', <<"EOT");
load_module $module;
%%GLOBALS%%
kafka_ws_step  600k $kills $seed;
events { }
EOT

plan(tests => CHECKS + 3 + 3);

my ($visited, $checks) = (0, 0);

open my $p, '-|', 'sh', '-c', 'exec 2> /dev/null; exec "$@"', 'sh',
	$t->command() or die "sh: $!\n";

while (my $line = <$p>) {
	chomp $line;

	if ($line =~ /^(not )?ok \d+ - (.*)/) {
		ok(!$1, $2);
		$checks++;

	} elsif ($line =~ /^# (.*)/) {
		my $said = $1;

		$visited += $1 if $said =~ /: (\d+) instructions, /;
		$said =~ /^died | wrong [1-9]/ ? diag($said) : note($said);

	} else {
		is($line, '1..' . CHECKS, 'the plan');
	}
}

close $p;
is($?, 0, 'it ended well');
cmp_ok($visited, '>', INSTRUCTIONS, 'instructions visited');

KafkaWS::Nginx::checks();
