#!/usr/bin/perl

# 100,000 clients come, read some records and go, half of them by RST.

# brokers: kafka
# run: alone
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Flood;
use KafkaWS::Pace qw(amount);

use constant { CYCLES => 100_000, PAIRS => 15 };

###############################################################################

my $f = KafkaWS::Flood->new(floods => 1, more => 1);

$f->start();

my $each = int(CYCLES / PAIRS) + 1;

# the start event and three records
$f->withstands('cycles', mode => 'cycles', uri => '/tail', connections => 100,
	count => $each, connects => 2000, records => 4, ms => 20000,
	pairs => PAIRS, codes => { 101 => $each, 1000 => int($each / 2) });

my $status = $f->nginx()->status()->{clusters}[0];

cmp_ok($status->{accepted}, '>=', amount($each) * amount(PAIRS),
	'so many were served');

$f->finish();

###############################################################################
