#!/usr/bin/perl

# Bad configurations and what "nginx -t" says of them, and good ones.
#
# The tables in conf_errors/ have entries "WHERE: TEXT": TEXT goes to the http
# block, the cluster block (there in place of the lines of the same name), the
# whole of it (block), the server, the location of the stream, or another one.
# "+" continues TEXT, "@" begins another such line of the same configuration,
# "(b*256)" is so many b, or of what else stands there.  "|" is what is said,
# in part; without it the configuration is good, and nothing is said.

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

	my @lines = map { lines_of($_) } glob "$FindBin::Bin/conf_errors/*.txt";

	for (@lines) {
		s/\(([^()]+)\*(\d+)\)/$1 x $2/eg;

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

sub lines_of {
	my ($path) = @_;

	open my $fh, '<', $path or die "$path: $!\n";
	chomp(my @lines = <$fh>);

	return @lines;
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
