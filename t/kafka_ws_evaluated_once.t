#!/usr/bin/perl

# Whatever a directive takes from variables is evaluated once for a request,
# though a variable may be another one each time: what was checked is what
# counts.  nginx's debug log tells each evaluation of a volatile map.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

use constant TIME => 20;

###############################################################################

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('once'), partitions => 4);

# arguments of a request; those that are asked for
my @streams = (
	# all of them, to a stream that has records
	['/all', { t => $topic, p => '1-2', f => 'user', g => 'us',
		s => 'tail=1', c => '1:0', d => '2:0' }, [qw(t p f g s c)]],

	# the second source, for the first is empty
	['/all', { t => $topic, p => '1-2', f => 'user', g => 'us', s => '',
		c => '', d => '2:0' }, [qw(t p f g s c d)]],

	['/key', { t => $topic, k => 'user' }, [qw(t k)]],
);

# what is refused is not asked for any further
my @refused = (
	[404, '/all', { t => 'none', p => '0', f => 'a' }, [qw(t)]],
	[400, '/all', { t => $topic, p => '3-1', f => 'a' }, [qw(t p)]],
	[403, '/all', { t => $topic, p => '0', f => '', g => 'a' },
		[qw(t p f)]],
	[400, '/all', { t => $topic, p => '0', f => 'a', g => 'a',
		s => 'never', c => '0:1' }, [qw(t p f g s)]],
	[400, '/all', { t => $topic, p => '0', f => 'a', g => 'a',
		s => 'latest', c => '3:1', d => '0:1' }, [qw(t p f g s c)]],
	[403, '/key', { t => $topic, k => '' }, [qw(t k)]],
);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(1 + 2 * (@streams
	+ @refused));

my $maps = join "\n", map { "    map  \"$_ \$arg_$_\"  \$any_$_ { volatile; "
	. "default \$arg_$_; }" } qw(t p k f g s c d);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    # evaluated anew whenever they are asked for

$maps

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 32m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_topic  \$any_t;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        error_log  %%TESTDIR%%/debug.log debug;

        location /all {
            kafka_ws            c;
            kafka_ws_partition  \$any_p;
            kafka_ws_filter     key = \$any_f;
            kafka_ws_filter     key ^= \$any_g;
            kafka_ws_start      \$any_s;
            kafka_ws_cursor     \$any_c \$any_d;
        }

        location /key {
            kafka_ws            c;
            kafka_ws_partition  key=\$any_k;
        }

        # that two do, to compare

        location /twice {
            add_header  X-One \$any_t;
            return      200 \$any_t;
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), "/key?t=$topic&k=a")
	->wait_event('start', TIME) or die "no start event\n";
$b->produce($topic, map { { partition => $_, key => 'user', value => $_ } }
	0 .. 3);

evaluated();
$t->http_get('/twice?t=a');
is_deeply(evaluated(), { t => 2 }, 'the log tells each time');

for my $case (@streams) {
	my ($uri, $args, $asked) = @$case;
	my $c = KafkaWS::Client->open($t->port(0), uri($uri, $args));

	$c->wait_event('start', TIME) or die "no start event\n";
	$b->produce($topic, map { { partition => $_, key => 'user',
		value => 'new' } } 0 .. 3);

	my $r;

	do { $r = $c->next_record(TIME) } until !$r || $r->{value} eq 'new';

	# looks for partitions do not ask again, nor does the end
	sleep 1;
	$c->disconnect();

	is(($r // {})->{value}, 'new', "$uri: a stream");
	is_deeply(evaluated(), { map { $_ => 1 } @$asked },
		"$uri: each once, @$asked");
}

for my $case (@refused) {
	my ($status, $uri, $args, $asked) = @$case;

	is(KafkaWS::Client->connect($t->port(0), uri($uri, $args))->status,
		$status, "$uri: refused behind @$asked");
	is_deeply(evaluated(), { map { $_ => 1 } @$asked }, "$uri: each once");
}

###############################################################################

sub uri {
	my ($path, $args) = @_;

	return "$path?" . join '&', map { "$_=$args->{$_}" } sort keys %$args;
}

# how often each was asked for since the last call
sub evaluated {
	my %count;

	# what was there before it is whole in the log then
	$t->http_get('/none');

	my $log = substr $t->read_testfile('debug.log'), $t->{seen} // 0;

	$t->{seen} += length $log;
	$count{$1}++ while $log =~ /\[debug\] .* http map: "(\w) /g;

	return \%count;
}
