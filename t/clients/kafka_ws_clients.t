#!/usr/bin/perl

# Real clients, by what people write them with: each receives 10,000 records,
# some written before it came and some while it looks on, plain and over TLS,
# with and without permessage-deflate, in every format, and with its cursor.
#
# "make test-clients" builds the clients and runs this; what a client is told
# and what it prints stands in python/feed.py.  TEST_CLIENTS=ws,java tests only
# these.

# brokers: kafka
# timeout: 600

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/../lib";

use Digest::SHA;
use JSON::PP ();
use List::Util qw(max min);
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Process;

use constant {
	EARLY => 6000,
	LATE => 4000,
	BATCH => 100,
	PARTITIONS => 2,
	FIRST => 2500,		# records before a client comes back
	SIZE => 2000,
	TIME => 120,
};

my ($json, $text, $binary) = map { "kafka.$_.v1" } qw(json text binary);
my $here = $FindBin::Bin;
my $cache = "$here/cache";

# deflate: whether the client offers it; at_once: a process for all its cases
my @clients = (
	{ name => 'websockets', deflate => 'choice', built => 'python',
		command => ['python3', "$here/python/client_websockets.py"] },
	{ name => 'aiohttp', deflate => 'choice', built => 'python',
		command => ['python3', "$here/python/client_aiohttp.py"] },
	{ name => 'ws', deflate => 'choice', built => 'node',
		command => ['node', "$here/node/client_ws.mjs"] },
	{ name => 'node', deflate => 'always', built => 'node',
		command => ['node', builtin(),
			"$here/node/client_builtin.mjs"] },
	{ name => 'gorilla', deflate => 'choice', built => 'go',
		command => ["$cache/go/gorilla"] },
	{ name => 'coder', deflate => 'choice', built => 'go',
		command => ["$cache/go/coder"] },
	{ name => 'tungstenite', deflate => 'never', built => 'rust',
		command => ["$cache/rust/target/debug/client"] },
	{ name => 'java', deflate => 'never', built => 'java',
		command => ['java', '-Xmx256m', '-cp', "$cache/java",
			'Client'] },
	{ name => 'chromium', deflate => 'always', built => 'chromium',
		at_once => 1,
		command => ['node', "$here/chromium/client.mjs"] },
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('clients'), partitions => PARTITIONS);

my $t = KafkaWS::Nginx->new(broker => $b);
my $dir = $t->testdir;
my $ca = "$dir/ca.pem";

certificates();

$t->write_file('page.html', "<!DOCTYPE html><link rel=icon href=data:,>\n");

my $format = "'\$arg_case \$status \$bytes_sent "
	. "\"\$http_sec_websocket_extensions\"'";
my $locations = join '', map { <<"EOT" } qw(off on);

        location = /$_ {
            kafka_ws          c;
            kafka_ws_deflate  $_;
        }

        location = /$_/values {
            kafka_ws            c;
            kafka_ws_deflate    $_;
            kafka_ws_partition  0;
            kafka_ws_format     text binary;
        }
EOT

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  2;

events {
}

http {
    %%GLOBALS_HTTP%%

    log_format  clients  $format;

    ssl_certificate      server.pem;
    ssl_certificate_key  server.key;

    kafka_ws_slow   close lag=2m;
    kafka_ws_start  earliest;

    kafka_ws_cluster c {
        brokers  %%BROKERS%%;
        topics   $topic;
        zone     c 256m;
        ring     16m;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;
        listen  127.0.0.1:%%PORT_1%% ssl;

        access_log  $dir/clients.log  clients;
        types { text/html  html; }
$locations
        location = /page.html {
            access_log  off;
        }

        location = /kafka_ws_status {
            access_log  off;
            kafka_ws_status;
        }
    }
}

EOT

my %base = (ws => 'ws://127.0.0.1:' . $t->port(0),
	wss => 'wss://127.0.0.1:' . $t->port(1));

srand(1);

my @values = map { value($_) } 0 .. EARLY + LATE - 1;
my ($written, $count) = (0, 0);
my %only = map { $_ => 1 } split /,/, $ENV{TEST_CLIENTS} // '';

for my $client (@clients) {
	my ($name, $built) = @$client{qw(name built)};

	next if %only && !$only{$name};

	if (ok(-f "$cache/$built/.complete", "$name is built")) {
		round($client);

	} else {
		diag("t/clients/build $built; or look at "
			. "t/clients/cache/build.log.$built");
	}
}

my @loud = grep { /\[(?:warn|error|crit|alert|emerg)\]/ } split /\n/,
	$t->log();

is(@loud, 0, 'nothing above info in the error log') or diag(@loud);

$t->done_testing();

###############################################################################

# One client in all its cases at once: they come when part of the records is
# there, and the rest is written once each has all of that.
sub round {
	my ($client) = @_;
	my $begun = now();
	my $start = $written / PARTITIONS;
	my @records = map { my $n = $written + $_;
		{ partition => $n % PARTITIONS, key => key($n),
			value => $values[$_] } } 0 .. $#values;
	my $early = [@records[0 .. EARLY - 1]];

	produce(@$early);

	my @cases = cases($client, $start);
	my ($first) = run_cases($client, TIME, case($client, 'ws', 'off',
		name => 'cut short', start => $start, count => FIRST));
	my $cursor = checked_first($first, $start, @records);
	my $frames = $t->status()->{clusters}[0]{frames};

	push @cases, case($client, 'ws', 'off', name => 'with its cursor',
		cursor => $cursor, count => @records - FIRST) if $cursor;

	my @running = start_cases($client, @cases);
	my $wanted = $frames;

	$wanted += $_->{values} ? EARLY / PARTITIONS
		: EARLY - @values + $_->{count} for @cases;

	ok(wait_for(TIME, sub {
		return $t->status()->{clusters}[0]{frames} >= $wanted
			|| grep { !$_->alive } @running;
	}) && !(grep { !$_->alive } @running),
		"$client->{name}: all are there before the rest is written");

	for (my $i = EARLY; $i < @records; $i += BATCH) {
		produce(@records[$i .. $i + BATCH - 1]);
	}

	collect(TIME, \@running, @cases);

	my $log = access_log($first, @cases);

	check($client, $_, $log, @records) for @cases;
	check_bytes($client, $log, @cases);

	diag(sprintf "%s: %s; %d connections in %.1f s; %s", $client->{name},
		$first->{got}{library} // 'unknown', @cases + 1,
		now() - $begun, join ' | ', agreed(@cases));
}

# returns: what the client is run with, as checked later
sub case {
	my ($client, $scheme, $location, %o) = @_;

	return { id => 'c' . ++$count, scheme => $scheme, location => $location,
		offer => $client->{deflate} eq 'always', protocol => $json,
		count => scalar @values, values => 0, %o };
}

sub cases {
	my ($client, $start) = @_;
	my @offers = $client->{deflate} eq 'choice' ? (0, 1)
		: $client->{deflate} eq 'always' ? 1 : 0;
	my @cases;

	for my $scheme (qw(ws wss)) {
		for my $location (qw(off on)) {
			push @cases, map { case($client, $scheme, $location,
				offer => $_) } @offers;
		}
	}

	# values alone, of one partition
	push @cases, map { case($client, @$_[0, 1], protocol => $_->[2],
		offer => $offers[-1], values => 1,
		count => @values / PARTITIONS) }
		['ws', 'on', $text], ['wss', 'on', $binary],
		['wss', 'off', $text];

	$_->{start} = $start for @cases;

	for my $case (@cases) {
		$case->{name} = ($case->{offer} ? 'deflate offered' : '')
			. ", location $case->{location}, $case->{protocol}";
		$case->{name} =~ s/^, //;
	}

	return @cases;
}

sub arguments {
	my ($case) = @_;
	my $url = "$base{ $case->{scheme} }/$case->{location}"
		. ($case->{values} ? '/values' : '') . "?case=$case->{id}";
	my $cursor = $case->{cursor} // join ',', map { "$_:$case->{start}" }
		$case->{values} ? 0 : 0 .. PARTITIONS - 1;

	# the first of all needs none: the stream starts with the earliest
	$url .= "&cursor=$cursor" if $cursor =~ /:0*[1-9]/;

	return ($url, $case->{count}, $case->{scheme} eq 'wss' ? $ca : '-',
		$case->{offer} ? 'on' : 'off', $case->{protocol});
}

# returns: a process for each case, or one for all
sub start_cases {
	my ($client, @cases) = @_;
	my @all = map { [arguments($_)] } @cases;

	@all = [map { @$_ } @all] if $client->{at_once};

	return map { KafkaWS::Process->start(pipe => 1,
		command => [@{ $client->{command} }, @$_],
		log => "$dir/$client->{name}.log",
		env => { PYTHONPATH => "$cache/python",
			PYTHONDONTWRITEBYTECODE => 1,
			NODE_EXTRA_CA_CERTS => $ca }) } @all;
}

# a line of JSON for each case, and an exit code of 0
sub collect {
	my ($seconds, $running, @cases) = @_;
	my $deadline = now() + $seconds;

	for my $i (0 .. $#cases) {
		my $p = $running->[$#$running ? $i : 0];
		my $left = $deadline - now();
		my $line = $p->line($left > 1 ? $left : 1) // '';

		$cases[$i]{got} = eval { JSON::PP::decode_json($line) }
			// { line => $line };
	}

	for my $p (@$running) {
		$p->wait(10);
		$p->stop('KILL');
	}

	for my $i (0 .. $#cases) {
		my $status = $running->[$#$running ? $i : 0]->status;

		$cases[$i]{got}{exit} = $status if $status;
	}
}

sub run_cases {
	my ($client, $seconds, @cases) = @_;

	collect($seconds, [start_cases($client, @cases)], @cases);
	$_->{client} = $client for @cases;

	return @cases;
}

# returns: the cursor, if what came up to it is right
sub checked_first {
	my ($case, $start, @records) = @_;
	my $got = $case->{got};
	my %next = map { split /:/ } split /,/, $got->{cursor} // '';
	my $sum = 0;

	$sum += $_ - $start for values %next;
	is($sum, FIRST, "$case->{client}{name}: cursor after @{[ FIRST ]}");

	my @seen = grep { ($next{ $_->{partition} } // 0) > $_->{offset} }
		placed($start, @records);

	is_deeply(outcome($got), expected($case, @seen),
		"$case->{client}{name}: $case->{name}")
		or return complain($case->{client});

	return $got->{cursor};
}

sub check {
	my ($client, $case, $log, @records) = @_;
	my $name = "$client->{name}, $case->{scheme}: $case->{name}";
	my $start = ($written - @records) / PARTITIONS;
	my %from = map { split /:/ } split /,/, $case->{cursor} // '';
	my @seen = grep { $_->{offset} >= ($from{ $_->{partition} } // 0) }
		placed($start, @records);

	@seen = grep { $_->{partition} == 0 } @seen if $case->{values};

	is_deeply(outcome($case->{got}), expected($case, @seen), $name)
		or complain($client);

	my $line = $log->{ $case->{id} } // {};

	is_deeply([@$line{qw(lines status offered)}],
		[1, 101, $case->{offer} ? 1 : 0], "$name: access log");
}

# what came compressed is shorter
sub check_bytes {
	my ($client, $log, @cases) = @_;
	my %bytes;

	for my $case (grep { !$_->{values} && !$_->{cursor} } @cases) {
		push @{ $bytes{ agrees($case) ? 'on' : 'off' } },
			$log->{ $case->{id} }{bytes} // 0;
	}

	return unless $bytes{on};

	cmp_ok(max(@{ $bytes{on} }), '<', 0.8 * min(@{ $bytes{off} }),
		"$client->{name}: compressed");
}

sub agrees { return $_[0]->{offer} && $_[0]->{location} eq 'on' }

sub agreed {
	my %all = map { $_->{got}{extensions} // 'none' => 1 }
		grep { agrees($_) } @_;

	return sort keys %all;
}

# of what a client says, all that can be right or wrong
sub outcome {
	my ($got) = @_;
	my %o = %$got;

	delete @o{qw(library cursor)};
	$o{clean} = $o{clean} ? 1 : 0 if exists $o{clean};
	$o{extensions} = $o{extensions} =~ /^permessage-deflate\b[^,]*$/ ? 1
		: $o{extensions} if $o{extensions};

	return \%o;
}

sub expected {
	my ($case, @records) = @_;
	my %digests;

	for my $r (@records) {
		my $value = $case->{values} ? length($r->{value})
			. ":$r->{value}\n"
			: "$r->{offset}:$r->{key}:$r->{value}\n";

		($digests{ $r->{partition} } //= Digest::SHA->new(256))
			->add($value);
	}

	return { records => scalar @records, code => 1000, clean => 1,
		protocol => $case->{protocol},
		extensions => agrees($case) ? 1 : '',
		digests => { map { $_ => $digests{$_}->hexdigest }
			keys %digests } };
}

sub complain {
	my ($client) = @_;

	diag(substr $t->read_testfile("$client->{name}.log"), -4000);

	return;
}

# returns: by case, { lines, status, bytes, offered }
sub access_log {
	my @ids = map { $_->{id} } @_;
	my %seen;

	wait_for(10, sub {
		%seen = ();

		for (split /\n/, $t->read_testfile('clients.log')) {
			my ($id, $status, $bytes, $offer) =
				/^(\S+) (\d+) (\d+) "(.*)"$/ or next;

			$seen{$id} = { status => $status, bytes => $bytes,
				offered => $offer =~ /^permessage-deflate\b/
				? 1 : $offer eq '-' ? 0 : $offer,
				lines => 1 + ($seen{$id}{lines} // 0) };
		}

		return !grep { !$seen{$_} } @ids;
	});

	return \%seen;
}

sub produce {
	my @records = @_;
	my @offsets = $b->produce($topic, @records);
	my @wanted = map { int(($written + $_) / PARTITIONS) } 0 .. $#records;

	die "records are not where they should be\n" if "@offsets" ne "@wanted";
	$written += @records;
}

# the records of a round, with their offsets
sub placed {
	my ($start, @records) = @_;

	return map { { %{ $records[$_] },
		offset => $start + int($_ / PARTITIONS) } } 0 .. $#records;
}

sub key {
	my ($n) = @_;

	return $n % 7 == 0 ? "cl\xc3\xa9-$n" : $n % 5 == 0 ? '' : "key-$n";
}

# 0 to SIZE bytes, of words, of any ASCII, or of UTF-8 of all lengths; no JSON
# object or array, which would not come as a string
sub value {
	my ($n) = @_;
	my $size = $n % 100 == 0 ? 0 : $n % 100 == 1 ? SIZE : int rand SIZE + 1;
	my @words = qw(price bid ask volume token stream answer);
	my $value = $size ? 'v' : '';

	while (length $value < $size) {
		$value .= $n % 3 == 0 ? ' ' . $words[rand @words]
			: $n % 3 == 1 ? chr(rand 128)
			: ("a", "\xc3\xa9", "\xe2\x82\xac",
				"\xf0\x9f\x98\x80", "\xe2\x80\xa8")[rand 5];
	}

	# whole characters
	$value = substr $value, 0, $size;
	$value =~ s/(?:[\xc0-\xff]|[\xe0-\xff][\x80-\xbf]
		|[\xf0-\xff][\x80-\xbf]{2})\z//x;

	return $value;
}

# Node 20 has its WebSocket behind this
sub builtin {
	my $flag = '--experimental-websocket';

	return system("node $flag -e 0 2>/dev/null") == 0 ? $flag : ();
}

# an authority, since some clients do not take a certificate for its own
sub certificates {
	my $more = "subjectAltName=IP:127.0.0.1,DNS:localhost";

	$t->write_file('server.ext', "$more\n");

	for my $command (
		"req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=test CA'"
			. " -keyout ca.key -out ca.pem",
		"req -newkey rsa:2048 -nodes -subj /CN=localhost"
			. " -keyout server.key -out server.csr",
		"x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key"
			. " -CAcreateserial -extfile server.ext -out leaf.pem")
	{
		system("cd $dir && openssl $command >>openssl.out 2>&1") == 0
			or die $t->read_testfile('openssl.out');
	}

	$t->write_file('server.pem', $t->read_testfile('leaf.pem')
		. $t->read_testfile('ca.pem'));
}

###############################################################################
