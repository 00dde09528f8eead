#!/usr/bin/perl

# Builds of the module that are broken in one place each (KafkaWS::Broken):
# the delivery checker finds every one of them, within SEEDS runs of at most a
# minute each.  TEST_BROKEN=name,name tests only these.

# brokers: kafka
# run: alone
# timeout: 3600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use KafkaWS::Broken;

use constant SEEDS => 3;

my @names = $ENV{TEST_BROKEN} ? split(/,/, $ENV{TEST_BROKEN})
	: KafkaWS::Broken::names();
my $seed = $ENV{TEST_SOAK_SEED} // time;

plan(tests => scalar @names);
note("TEST_SOAK_SEED=$seed");

for my $name (@names) {
	my $dir = KafkaWS::Broken::build($name);
	my $r;

	for my $run (1 .. SEEDS) {
		$r = KafkaWS::Broken::hunt($name, $dir, $seed + $run);
		last if $r->{found} || $name eq 'none';
		diag("$name: nothing found with seed " . ($seed + $run)
			. ' ' . ($r->{failed} // ''));
	}

	my $found = $r->{found} // '';

	if ($name eq 'none') {
		ok(!$r->{failed} && $found eq '', 'whole: nothing found')
			or diag(join "\n", $found, $r->{words} // $r->{failed});
		next;
	}

	$found =~ s/\n.*//s;
	note($r->{words}) if $ENV{TEST_BROKEN};
	ok($found ne '', sprintf '%s (%s): found after %.0f s: %s', $name,
		KafkaWS::Broken::what($name), $r->{seconds} // 0, $found);
}

###############################################################################
