#!/usr/bin/perl

# Bad configurations and what "nginx -t" says of them, and good ones.
#
# The table at the end has entries "WHERE: TEXT": TEXT goes to the http block,
# the cluster block (there in place of the lines of the same name), the whole
# of it (block), the server, the location of the stream, or another one.
# "+" continues TEXT, "@" begins another such line of the same configuration,
# "(b*256)" is so many b.  "|" is what is said, in part; without it the
# configuration is good, and nothing is said.

# brokers: none

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Nginx;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my %default = (
	brokers => 'brokers 127.0.0.1:1;',
	topics => 'topics a;',
	zone => 'zone c 32m;',
);

my @rows = table();
my $t = KafkaWS::Nginx->new()->plan(@rows + 4);

cmp_ok(scalar(grep { defined $_->{said} } @rows), '>=', 60,
	'bad configurations in the table');

for my $row (@rows) {
	my ($code, $out) = $t->conf_test(conf($row));
	my $said = $row->{said};
	my $ok = defined $said
		? $code != 0 && index($out, $said) >= 0
		: $code == 0 && $out !~ /\[(?:warn|error|emerg|alert)\]/;

	ok($ok, substr($row->{name}, 0, 70)) or diag("exit code $code:\n$out");
}

# where it stands

my ($code, $out) = $t->conf_test(conf({ other => "\n\nkafka_ws x;" }));

like($out, qr/unknown cluster "x" in \S+:21$/m, 'line of an unknown cluster');

($code, $out) = $t->conf_test(conf({ cluster => 'zone c 64k;' }));

like($out, qr/at least \d+k, for cluster "c" in \S+:8$/m,
	'line of a cluster with too small a zone');

($code, $out) = $t->conf_test(conf({ location => 'kafka_ws_origin ~a;' }));

ok($code == 0 && $out =~ /\[warn\].* regular expression "a" in/,
	'a regular expression that may fit foreign sites');


sub table {
	my ($row, @table);

	while (<DATA>) {
		chomp;
		s/\((\w)\*(\d+)\)/$1 x $2/e;

		if (/^(\w+):(?: (.*))?$/) {
			$row = { name => $_, $1 => $2 // '', last => $1 };
			push @table, $row;

		} elsif (/^    @ (\w+): (.*)/) {
			$row->{$1} = $2;
			$row->{last} = $1;

		} elsif (/^    \+ (.*)/) {
			$row->{ $row->{last} } .= " $1";

		} elsif (/^    \| (.*)/) {
			$row->{said} = join ' ', $row->{said} // (), $1;

		} elsif (/^[^#]/) {
			die "not understood: $_\n";
		}
	}

	return @table;
}

sub conf {
	my ($row) = @_;
	my %lines = %default;
	my %add = map { $_ => $row->{$_} // '' }
		qw(http cluster server location other);

	delete $lines{$_} for $add{cluster} =~ /(?:^|; )(\w+)/g;

	my $block = $row->{block} // join ' ', (map { $lines{$_} }
		sort keys %lines), $add{cluster};

	return <<EOT;
%%MODULE%%
%%GLOBALS%%
events { }
http {
    %%GLOBALS_HTTP%%
    limit_conn_zone \$binary_remote_addr zone=neighbour:1m;

    kafka_ws_cluster c {
        $block
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        $add{server}

        location / { kafka_ws c; $add{location} }

        location = /other {
            $add{other}
        }
    }

    $add{http}
}
EOT
}

__DATA__
# the block
http: kafka_ws_cluster { }
    | invalid number of arguments in "kafka_ws_cluster" directive
http: kafka_ws_cluster x y { }
    | invalid number of arguments in "kafka_ws_cluster" directive
http: kafka_ws_cluster x;
    | directive "kafka_ws_cluster" has no opening "{"
http: kafka_ws_cluster "" { }
    | invalid name "" of a "kafka_ws_cluster"
http: kafka_ws_cluster off { }
    | invalid name "off" of a "kafka_ws_cluster"
http: kafka_ws_cluster c { brokers b; topics a; zone z 32m; }
    | duplicate cluster "c", the first is in
http: kafka_ws_cluster x { }
    | no "brokers" in cluster "x"
block: topics a; zone c 32m;
    | no "brokers" in cluster "c"
block: brokers b; zone c 32m;
    | no "topics" in cluster "c"
block: brokers b; topics a;
    | no "zone" in cluster "c"
server: kafka_ws_cluster x { }
    | "kafka_ws_cluster" directive is not allowed here
cluster: broker b;
    | unknown directive "broker" in "kafka_ws_cluster"
cluster: include x.conf;
    | unknown directive "include" in "kafka_ws_cluster"
cluster: topics { }
    | unexpected "{"
cluster: sasl plain;
    | unknown directive "sasl" in "kafka_ws_cluster"

# brokers
cluster: brokers;
    | invalid number of arguments in "brokers" directive
cluster: brokers b:0;
    | invalid broker "b:0" in "brokers" directive: invalid port; host[:port]
    | expected
cluster: brokers b:65536;
    | invalid broker "b:65536" in "brokers" directive: invalid port
cluster: brokers b:;
    | invalid broker "b:" in "brokers" directive: invalid port
cluster: brokers b:9092x;
    | invalid broker "b:9092x" in "brokers" directive: invalid port
cluster: brokers a b:-1;
    | invalid broker "b:-1" in "brokers" directive: invalid port
cluster: brokers :9092;
    | invalid broker ":9092" in "brokers" directive: no host
cluster: brokers "";
    | invalid broker "" in "brokers" directive: no host
cluster: brokers a:1,b:2;
    | invalid broker "a:1,b:2" in "brokers" directive: several colons
cluster: brokers a,b;
    | invalid broker "a,b" in "brokers" directive: invalid character in the
    | host name
cluster: brokers ssl://b:1;
    | invalid broker "ssl://b:1" in "brokers" directive
cluster: brokers $b;
    | invalid broker "$b" in "brokers" directive: invalid character in the
    | host name
cluster: brokers ::1;
    | invalid broker "::1" in "brokers" directive: several colons, IPv6
    | addresses stand in brackets
cluster: brokers [::1;
    | invalid broker "[::1" in "brokers" directive: no closing bracket
cluster: brokers [::1]9;
    | invalid broker "[::1]9" in "brokers" directive: no colon after the
    | bracket
cluster: brokers [1.2.3.4]:9;
    | invalid broker "[1.2.3.4]:9" in "brokers" directive: invalid IPv6
    | address
cluster: brokers (b*256);
    | host name too long
cluster: brokers a; brokers b;
    | "brokers" directive is duplicate

# topics
cluster: topics;
    | invalid number of arguments in "topics" directive
cluster: topics a a;
    | duplicate topic "a" in "topics" directive
cluster: topics a; topics b;
    | "topics" directive is duplicate
cluster: topics "";
    | invalid topic "" in "topics" directive: a name has 1 to 249 of
cluster: topics a/b;
    | invalid topic "a/b" in "topics" directive
cluster: topics $t;
    | invalid topic "$t" in "topics" directive
cluster: topics ..;
    | invalid topic ".." in "topics" directive
cluster: topics (a*250);
    | a name has 1 to 249 of
cluster: topics a __consumer_offsets;
    | invalid topic "__consumer_offsets" in "topics" directive: names that
    | begin with "__" are Kafka's own
cluster: topics ~;
    | invalid topic "~" in "topics" directive: empty regular
cluster: topics ~^(a;
    | missing closing parenthesis in "^(a"

# zone
cluster: zone c;
    | invalid number of arguments in "zone" directive
cluster: zone "" 32m;
    | invalid name "" in "zone" directive
cluster: zone c 0;
    | invalid size "0" in "zone" directive
cluster: zone c -1;
    | invalid size "-1" in "zone" directive
cluster: zone c 1x;
    | invalid size "1x" in "zone" directive
cluster: zone c 4k;
    | zone "c" is too small
cluster: zone c 32k;
    | zone "c" is too small: 1 topic with a partition each needs at least
cluster: topics a b c d e f g h i;
    @ location: kafka_ws_topic a;
    | zone "c" is too small: 9 topics with a partition each need at least
cluster: zone c 32m; zone d 32m;
    | "zone" directive is duplicate
cluster: zone neighbour 1m;
    | the shared memory zone "neighbour" is already declared for a different
    | use
http: kafka_ws_cluster x { brokers b; topics a; zone c 32m; }
    | zone "c" is already that of cluster "c"

# ring, max_record, preload
cluster: ring;
    | invalid number of arguments in "ring" directive
cluster: ring 3m;
    | invalid size "3m" in "ring" directive: a power of two from 64k to 1g
    | expected
cluster: ring 32k;
    | invalid size "32k" in "ring" directive
cluster: ring 2g;
    | invalid size "2g" in "ring" directive
cluster: ring x;
    | invalid size "x" in "ring" directive
cluster: ring 1m; ring 1m;
    | "ring" directive is duplicate
cluster: max_record 0;
    | invalid size "0" in "max_record" directive: 64 to 256m expected
cluster: max_record 257m;
    | invalid size "257m" in "max_record" directive
cluster: max_record 2m;
    | "max_record" of 2048k needs a "ring" of at least 4 times its size, but
    | cluster "c" has the default of 4096k
cluster: max_record 1m; ring 2m;
    | "max_record" of 1024k needs a "ring" of at least 4 times its size, but
    | cluster "c" has 2048k
cluster: max_record 1k; max_record 1k;
    | "max_record" directive is duplicate
cluster: preload on;
    | invalid parameter "on" in "preload" directive: off, or records=n and
    | age=time expected
cluster: preload records=0;
    | invalid parameter "records=0" in "preload" directive
cluster: preload records=1 records=2;
    | invalid parameter "records=2" in "preload" directive
cluster: preload age=1x;
    | invalid parameter "age=1x" in "preload" directive
cluster: preload age=0;
    | invalid parameter "age=0" in "preload" directive
cluster: preload off age=1m;
    | invalid parameter "off" in "preload" directive
cluster: preload off; preload off;
    | "preload" directive is duplicate

# property
cluster: property client.id;
    | invalid number of arguments in "property" directive
cluster: property plugin.library.paths x;
    | property "plugin.library.paths" is not allowed: it would load code into
    | nginx
cluster: property ssl.engine.location x;
    | property "ssl.engine.location" is not allowed: it would load code
cluster: property sasl.kerberos.kinit.cmd x;
    | property "sasl.kerberos.kinit.cmd" is not allowed: it would run a shell
cluster: property group.id x;
    | property "group.id" is not allowed: partitions are assigned without a
    | group
cluster: property auto.offset.reset earliest;
    | property "auto.offset.reset" is not allowed: a lost position is
cluster: property enable.auto.commit true;
    | property "enable.auto.commit" is not allowed: nothing is committed
cluster: property isolation.level read_uncommitted;
    | property "isolation.level" is not allowed: records of aborted
cluster: property bootstrap.servers b;
    | property "bootstrap.servers" is not allowed: use "brokers"
cluster: property test.mock.num.brokers 3;
    | property "test.mock.num.brokers" is not allowed: it is not on
cluster: property nonsense 1;
    | property "nonsense" is not allowed: it is not on the list
cluster: property security.protocol tls;
    | property "security.protocol": Invalid value "tls" for configuration
    | property "security.protocol"
cluster: property fetch.wait.max.ms 3600000;
    | property "fetch.wait.max.ms": Configuration property "fetch.wait.max.ms"
    | value 3600000 is outside allowed range
cluster: property client.id a; property client.id b;
    | duplicate property "client.id"

# kafka_ws
other: kafka_ws;
    | invalid number of arguments in "kafka_ws" directive
other: kafka_ws x;
    | unknown cluster "x" in
other: kafka_ws "";
    | invalid value "" in "kafka_ws" directive: a cluster's name or off
    | expected
location: kafka_ws c;
    | "kafka_ws" directive is duplicate
server: kafka_ws c;
    | "kafka_ws" directive is not allowed here
location: kafka_ws_status;
    | "kafka_ws_status" directive stands in the same location as "kafka_ws"
other: kafka_ws_status; kafka_ws c;
    | "kafka_ws" directive stands in the same location as "kafka_ws_status"
other: kafka_ws_status xml;
    | invalid value "xml" in "kafka_ws_status" directive: json expected
other: kafka_ws_status; kafka_ws_status;
    | "kafka_ws_status" directive is duplicate
cluster: topics a b;
    | no "kafka_ws_topic" is defined, and "topics" of cluster "c" is not a
    | single name
cluster: topics ~^a;
    | no "kafka_ws_topic" is defined
location: kafka_ws_topic b;
    | "kafka_ws_topic" names "b", which "topics" of cluster "c" does not allow
location: kafka_ws_topic $nonsense;
    | unknown "nonsense" variable
location: kafka_ws_topic a; kafka_ws_topic a;
    | "kafka_ws_topic" directive is duplicate

# records
location: kafka_ws_partition x;
    | invalid value "x" in "kafka_ws_partition" directive:
location: kafka_ws_partition 3-1;
    | invalid value "3-1" in "kafka_ws_partition" directive:
location: kafka_ws_partition 0,,1;
    | invalid value "0,,1" in "kafka_ws_partition" directive:
location: kafka_ws_partition "";
    | invalid value "" in "kafka_ws_partition" directive:
location: kafka_ws_partition 2147483648;
    | invalid value "2147483648" in "kafka_ws_partition" directive:
location: kafka_ws_partition 0; kafka_ws_partition $arg_p;
    | "kafka_ws_partition" directive is duplicate
location: kafka_ws_format xml;
    | invalid value "xml" in "kafka_ws_format" directive: json, text or binary
    | expected
location: kafka_ws_format json json;
    | invalid value "json" in "kafka_ws_format" directive: each format
location: kafka_ws_format json text binary json;
    | invalid number of arguments in "kafka_ws_format" directive
location: kafka_ws_value raw;
    | invalid value "raw" in "kafka_ws_value" directive: auto or json expected
location: kafka_ws_value json; kafka_ws_value auto;
    | "kafka_ws_value" directive is duplicate
location: kafka_ws_fields;
    | invalid number of arguments in "kafka_ws_fields" directive
location: kafka_ws_fields size;
    | invalid value "size" in "kafka_ws_fields" directive: partition,
location: kafka_ws_fields key key;
    | invalid value "key" in "kafka_ws_fields" directive: each field
location: kafka_ws_fields headers headers:a;
    | invalid value "headers:a" in "kafka_ws_fields" directive: each
location: kafka_ws_fields headers:a,;
    | invalid value "" in "kafka_ws_fields" directive: a header's name
    | expected
location: kafka_ws_fields headers:a,b,a;
    | invalid value "a" in "kafka_ws_fields" directive: each header
location: kafka_ws_start now;
    | invalid value "now" in "kafka_ws_start" directive: latest, earliest or
    | tail=n
location: kafka_ws_start tail=0;
    | invalid value "tail=0" in "kafka_ws_start" directive:
location: kafka_ws_start tail=1000000001;
    | invalid value "tail=1000000001" in "kafka_ws_start" directive:
location: kafka_ws_start since=1h;
    | invalid value "since=1h" in "kafka_ws_start" directive:
location: kafka_ws_cursor 0:5;
    | invalid value "0:5" in "kafka_ws_cursor" directive: a variable expected
location: kafka_ws_cursor $arg_a; kafka_ws_cursor $arg_b;
    | "kafka_ws_cursor" directive is duplicate
server: location = /1 { kafka_ws c; kafka_ws_fields offset headers:1; }
    + location = /2 { kafka_ws c; kafka_ws_fields offset headers:2; }
    + location = /3 { kafka_ws c; kafka_ws_fields offset headers:3; }
    + location = /4 { kafka_ws c; kafka_ws_fields offset headers:4; }
    + location = /5 { kafka_ws c; kafka_ws_fields offset headers:5; }
    + location = /6 { kafka_ws c; kafka_ws_fields offset headers:6; }
    + location = /7 { kafka_ws c; kafka_ws_fields offset headers:7; }
    + location = /8 { kafka_ws c; kafka_ws_fields offset headers:8; }
    | the locations of cluster "c" have more than 8 different combinations of
    | "kafka_ws_format", "kafka_ws_fields", "kafka_ws_value" and
    | "kafka_ws_deflate" in

# connections
location: kafka_ws_gap skip;
    | invalid value "skip" in "kafka_ws_gap" directive: notify or close
    | expected
location: kafka_ws_slow;
    | invalid number of arguments in "kafka_ws_slow" directive
location: kafka_ws_slow drop;
    | invalid value "drop" in "kafka_ws_slow" directive: close or skip expected
location: kafka_ws_slow skip to=newest;
    | invalid value "to=newest" in "kafka_ws_slow" directive: to=earliest or
location: kafka_ws_slow skip to=latest to=latest;
    | invalid value "to=latest" in "kafka_ws_slow" directive: lag=time,
    | buffer=size and to=earliest or to=latest, each once, expected
location: kafka_ws_slow close to=latest;
    | invalid value "to=latest" in "kafka_ws_slow" directive: lag=time and
    | buffer=size, each once, expected
location: kafka_ws_slow skip lag=1s buffer=4k to=latest more;
    | invalid number of arguments in "kafka_ws_slow" directive
location: kafka_ws_slow skip; kafka_ws_slow close;
    | "kafka_ws_slow" directive is duplicate
location: kafka_ws_slow close lag=0;
    | invalid value "lag=0" in "kafka_ws_slow" directive: lag=time from 100ms
    | to 1h expected
location: kafka_ws_slow close lag=2h;
    | invalid value "lag=2h" in "kafka_ws_slow" directive:
location: kafka_ws_slow close buffer=1k;
    | invalid value "buffer=1k" in "kafka_ws_slow" directive: buffer=size from
    | 4k to 64m expected
location: kafka_ws_slow close lag=1s lag=1s;
    | invalid value "lag=1s" in "kafka_ws_slow" directive: lag=time
location: kafka_ws_slow close size=1;
    | invalid value "size=1" in "kafka_ws_slow" directive:
location: kafka_ws_ping off;
    | invalid value "off" in "kafka_ws_ping" directive: a time from 100ms to
    | 1h expected
location: kafka_ws_ping 0;
    | invalid value "0" in "kafka_ws_ping" directive:
location: kafka_ws_ping 10s timeout=99ms;
    | invalid value "timeout=99ms" in "kafka_ws_ping" directive: timeout=time
location: kafka_ws_ping 10s 10s;
    | invalid value "10s" in "kafka_ws_ping" directive: timeout=time
location: kafka_ws_deflate;
    | invalid number of arguments in "kafka_ws_deflate" directive
location: kafka_ws_deflate yes;
    | invalid value "yes" in "kafka_ws_deflate" directive: off, or on [level]
    | [min=size] expected
location: kafka_ws_deflate off 1;
    | invalid value "off" in "kafka_ws_deflate" directive: off, or on [level]
location: kafka_ws_deflate on 0;
    | invalid value "0" in "kafka_ws_deflate" directive: a level from 1 to 9
    | and min=size, each once, expected
location: kafka_ws_deflate on 10;
    | invalid value "10" in "kafka_ws_deflate" directive: a level from 1 to 9
location: kafka_ws_deflate on 1 2;
    | invalid value "2" in "kafka_ws_deflate" directive: a level from 1 to 9
location: kafka_ws_deflate on min=1 min=2;
    | invalid value "min=2" in "kafka_ws_deflate" directive: a level from 1
location: kafka_ws_deflate on min=65537;
    | invalid value "min=65537" in "kafka_ws_deflate" directive: min=size from
    | 0 to 64k expected
location: kafka_ws_deflate on min=;
    | invalid value "min=" in "kafka_ws_deflate" directive: min=size from
location: kafka_ws_deflate on; kafka_ws_deflate off;
    | "kafka_ws_deflate" directive is duplicate
location: kafka_ws_max_frame 124;
    | "kafka_ws_max_frame" directive must be from 125 to 16m
location: kafka_ws_max_frame 17m;
    | "kafka_ws_max_frame" directive must be from 125 to 16m
location: kafka_ws_max_frame x;
    | "kafka_ws_max_frame" directive invalid value
location: kafka_ws_drain 1s;
    | "kafka_ws_drain" directive is not allowed here
http: kafka_ws_drain 2h;
    | "kafka_ws_drain" directive must be at most 1h
http: kafka_ws_drain x;
    | "kafka_ws_drain" directive invalid value
http: kafka_ws_max_connections -1;
    | "kafka_ws_max_connections" directive invalid number

# kafka_ws_origin
location: kafka_ws_origin;
    | invalid number of arguments in "kafka_ws_origin" directive
location: kafka_ws_origin same any;
    | "kafka_ws_origin" directive has "any" together with other
location: kafka_ws_origin any example.com;
    | "kafka_ws_origin" directive has "any" together with other
location: kafka_ws_origin same same;
    | invalid parameter "same" in "kafka_ws_origin" directive: duplicate
    | parameter
location: kafka_ws_origin https://example.com;
    | invalid parameter "https://example.com" in "kafka_ws_origin" directive:
    | the host alone is compared, leave the scheme out
location: kafka_ws_origin example.com:0;
    | invalid parameter "example.com:0" in "kafka_ws_origin" directive:
    | invalid port
location: kafka_ws_origin *;
    | invalid parameter "*" in "kafka_ws_origin" directive: invalid character
location: kafka_ws_origin *.;
    | invalid parameter "*." in "kafka_ws_origin" directive:
location: kafka_ws_origin example.com.;
    | invalid parameter "example.com." in "kafka_ws_origin" directive: invalid
    | host
location: kafka_ws_origin example.com/a;
    | invalid parameter "example.com/a" in "kafka_ws_origin" directive:
    | invalid char
location: kafka_ws_origin "";
    | invalid parameter "" in "kafka_ws_origin" directive: no host
location: kafka_ws_origin ~;
    | invalid parameter "~" in "kafka_ws_origin" directive: empty regular
    | expression
location: kafka_ws_origin ~^[a$;
    | in "^[a$"
location: kafka_ws_origin same; kafka_ws_origin any;
    | "kafka_ws_origin" directive is duplicate

# what comes later is unknown now
location: kafka_ws_filter key = $arg_k;
    | unknown directive "kafka_ws_filter"

# good ones
http:
cluster: brokers a b_1:1 10.0.0.1:65535 [::1] [fe80::1]:9092;
cluster: topics a b._- ~^prices\.[a-z]+$ ~x; zone c 64m;
    @ location: kafka_ws_topic a;
cluster: zone c 1g; ring 64m;
cluster: ring 64k;
cluster: ring 8m; max_record 2m;
cluster: max_record 64;
cluster: preload off;
cluster: preload records=5;
cluster: preload age=1h records=5;
cluster: property security.protocol sasl_ssl; property sasl.mechanisms
    + SCRAM-SHA-256; property sasl.username u; property sasl.password
    + "$ecret{}";
other: kafka_ws off;
other: kafka_ws_status json;
server: kafka_ws_topic a; kafka_ws_partition 0; kafka_ws_format text;
    + kafka_ws_value json; kafka_ws_gap close; kafka_ws_fields key;
    + kafka_ws_start earliest; kafka_ws_cursor $arg_c; kafka_ws_slow close
    + lag=1s; kafka_ws_ping 1s; kafka_ws_origin any; kafka_ws_max_frame 1k;
http: kafka_ws_drain 0; kafka_ws_max_connections 10; kafka_ws_topic $arg_t;
    + kafka_ws_partition $arg_p; kafka_ws_start $arg_s;
location: kafka_ws_partition 0,2-5,7;
location: kafka_ws_partition all;
location: kafka_ws_format binary json text;
location: kafka_ws_fields headers:a,b topic offset;
location: kafka_ws_start tail=1000000000;
location: kafka_ws_cursor $arg_a $http_x_b $cookie_c;
location: kafka_ws_slow close;
location: kafka_ws_slow close buffer=64m lag=100ms;
location: kafka_ws_slow skip to=earliest lag=1h;
location: kafka_ws_slow skip to=latest buffer=4k lag=100ms;
location: kafka_ws_ping 100ms timeout=100ms;
location: kafka_ws_deflate off;
location: kafka_ws_deflate on;
location: kafka_ws_deflate on min=64k 9;
location: kafka_ws_deflate on 1 min=0;
location: kafka_ws_origin required;
location: kafka_ws_origin same required a:8443 *.b.c [::1]:1
    + ~^https://a[0-9]$;
location: if ($arg_x) { set $y 1; }
location: limit_except GET { deny all; }
server: location = /a { kafka_ws later; }
    @ http: kafka_ws_cluster later { brokers b; topics z; zone d 32m; }
server: location = /1 { kafka_ws c; kafka_ws_fields offset headers:1; }
    + location = /2 { kafka_ws c; kafka_ws_fields offset headers:2; }
    + location = /3 { kafka_ws c; kafka_ws_fields offset headers:3; }
    + location = /4 { kafka_ws c; kafka_ws_fields offset headers:4; }
    + location = /5 { kafka_ws c; kafka_ws_fields offset headers:5; }
