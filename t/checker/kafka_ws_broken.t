#!/usr/bin/perl

# Builds of the module that are broken in one place each (KafkaWS::Broken):
# the delivery checker finds every one of them, within RUNS runs of at most a
# minute each; and it finds nothing in one that is whole.
# TEST_BROKEN=name,name tests only these.

# brokers: kafka
# run: alone
# timeout: 7200

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Test::More;

use KafkaWS::Broken;

use constant RUNS => 3;

my @names = $ENV{TEST_BROKEN} ? split(/,/, $ENV{TEST_BROKEN})
	: KafkaWS::Broken::names();
my $seed = $ENV{TEST_SOAK_SEED} // time;

plan(tests => scalar @names);
note("TEST_SOAK_SEED=$seed");

for my $name (@names) {
	my $r = KafkaWS::Broken::find($name, $seed, RUNS);
	my $found = $r->{found} // '';

	ok(!$r->{failed} && ($found ne '') == ($name ne 'none'),
		"$name: $r->{text}");
	note($r->{words} // $r->{failed});
}

###############################################################################
