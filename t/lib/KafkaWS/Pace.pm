package KafkaWS::Pace;

# What tests do about a slow nginx: one under valgrind or with sanitizers.
#
#	cmp_ok($time, '<', within(2), 'time');	# an upper limit, in seconds
#	use constant CLIENTS => amount(5000);	# the size of a load
#
#	SKIP: {
#		unmeasured(1);			# checks that measure nginx
#		cmp_ok($bytes, '<=', SLACK, 'memory');
#	}
#
# All seconds that the harness itself is given are limits of this kind, so a
# test needs within() only where it compares a time by itself.  Least times
# ("not before") are left alone: a slow nginx is never too early.
#
# TEST_TIME_FACTOR (1): limits are so many times as long
# TEST_LOAD_DIVISOR (1): loads are so many times as small
# TEST_INSTRUMENTED: what runs nginx ("valgrind"); its latency, memory and
# processor time say nothing, and t/run counts such checks apart

use warnings;
use strict;

use base qw(Exporter);

use POSIX qw(ceil);
use Test::More ();

our @EXPORT_OK = qw(within amount unmeasured);

sub within {
	my ($seconds) = @_;

	return $seconds * ($ENV{TEST_TIME_FACTOR} || 1);
}

# least: what the test needs at the very least, 1
sub amount {
	my ($count, $least) = @_;
	my $n = ceil($count / ($ENV{TEST_LOAD_DIVISOR} || 1));

	$least //= 1;

	return $n < $least ? $least : $n;
}

# Leaves the SKIP block with so many checks, if there is nothing to measure.
sub unmeasured {
	my ($checks) = @_;

	Test::More::skip("not measured under $ENV{TEST_INSTRUMENTED}", $checks)
		if $ENV{TEST_INSTRUMENTED};
}

1;
